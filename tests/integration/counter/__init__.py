"""The counter against a real broker."""

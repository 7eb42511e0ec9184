"""What became of the submissions."""

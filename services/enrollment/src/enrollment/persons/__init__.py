"""Who counts, and what the office does about it."""

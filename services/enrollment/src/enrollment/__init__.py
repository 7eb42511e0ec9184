"""The enrollment service: who counts, and where."""

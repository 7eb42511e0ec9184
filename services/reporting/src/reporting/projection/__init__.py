"""What came in: the tables, and how batches are merged into them."""

"""What is asked: which moment, what was known then, and the figures made of it."""

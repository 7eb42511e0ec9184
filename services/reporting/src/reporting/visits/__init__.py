"""Which recording sets go where."""

"""The scheduling service: which recording sets go where on which day."""

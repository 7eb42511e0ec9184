"""Visits and weekend sessions: which sets go where on which day."""

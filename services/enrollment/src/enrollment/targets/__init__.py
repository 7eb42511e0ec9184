"""Statements as evidence, targets as decisions."""

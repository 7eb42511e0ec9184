"""Contracts: the golden examples, and every consumer against them."""

"""Campaigns as they change, for everybody who watches."""

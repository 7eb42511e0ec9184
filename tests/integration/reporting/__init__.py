"""Reporting on a real PostgreSQL."""

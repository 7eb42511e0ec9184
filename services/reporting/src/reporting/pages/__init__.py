"""The pages: Indonesian first, with English beside it."""

from reporting.pages.routes import mount

__all__ = ["mount"]

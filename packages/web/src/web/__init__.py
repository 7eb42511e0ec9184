"""What the pages of all services share: look, words, parts and headers. No domain's rules."""

from web.pages import EVENT, Templates, Visitor, html, mount, redirect

__all__ = ["EVENT", "Templates", "Visitor", "html", "mount", "redirect"]

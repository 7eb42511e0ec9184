"""Signs that nobody sees or that look like others, named with their place; and a NIK in whatever dress. Pure."""

import re
import unicodedata
from typing import Final

_SPACES_AND_DASHES: Final = {"Zs", "Pd"}
_UNSEEN: Final = {"Cc", "Cf", "Zl", "Zp"}
_CONTROLS: Final = {"Cc", "Zl", "Zp"}
_NAMES: Final = {
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    "\x85": "a line break (U+0085)",
    "\u00ad": "a soft hyphen (U+00AD)",
    "\ufeff": "a byte order mark (U+FEFF)",
}
# One sign between two groups of digits: 3573 9901 0107 0001, 35.73.99.010107.0001, 3573-9901-0107-0001.
_GROUPS: Final = re.compile(r"(?<![0-9])[0-9]{1,15}(?:(?:[^0-9A-Za-z]|\s{2,3})[0-9]{1,15})+(?![0-9])")
_SIXTEEN: Final = re.compile(r"[0-9]{16}")
# Province, regency, district; the day of birth, 40 more for a woman; the month; the year; a number.
_NIK: Final = re.compile(
    r"(?:1[1-9]|21|3[1-6]|5[1-3]|6[1-5]|7[1-6]|8[12]|9[1-7])[0-9]{4}"
    r"(?:[04][1-9]|[1256][0-9]|[37][01])(?:0[1-9]|1[0-2])[0-9]{2}(?!0000)[0-9]{4}"
)
_LONG_ENOUGH: Final = 16


def odd_sign(text: str) -> str | None:
    """The first sign that is not what it looks like, with its place, as `a zero width space (U+200B) at place 17`."""
    for place, sign in enumerate(text, 1):
        if not " " <= sign <= "~" and (name := _odd(sign)):
            return f"{name} at place {place}"
    return None


def control_sign(text: str, allowed: str = "") -> str | None:
    """The first control sign or line separator, with its place; None without any."""
    for place, sign in enumerate(text, 1):
        if unicodedata.category(sign) in _CONTROLS and sign not in allowed:
            return f"{_named(sign)} at place {place}"
    return None


def holds_a_nik(text: str) -> bool:
    """Whether 16 digits stand in a row, of any script; or in groups that together can be a NIK."""
    if len(text) < _LONG_ENOUGH:
        return False
    plain = text if text.isascii() else "".join(str(unicodedata.decimal(sign, sign)) for sign in text)
    if _SIXTEEN.search(plain):
        return True
    return any(_NIK.fullmatch(digits) for row in _GROUPS.findall(plain) for digits in _sixteen_together(row))


def _sixteen_together(row: str) -> list[str]:
    """The digits of neighbouring groups that are 16 together."""
    groups = re.findall("[0-9]+", row)
    made = []
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) >= _LONG_ENOUGH:
                break
        if len(digits) == _LONG_ENOUGH:
            made.append(digits)
    return made


def _odd(sign: str) -> str | None:
    if sign.isdecimal():
        return "a digit that is none of 0-9"  # not which: what was written stays out of every message
    category = unicodedata.category(sign)
    return _named(sign) if category in _UNSEEN or (category in _SPACES_AND_DASHES) else None


def _named(sign: str) -> str:
    if sign in _NAMES:
        return _NAMES[sign]
    name = unicodedata.name(sign, "control sign").lower()
    return f"a {name} (U+{ord(sign):04X})"

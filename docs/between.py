"""Writes what is derived into a page, between its two marks; with `--check` on the command line it compares alone."""

import sys
from pathlib import Path


def put(page: Path, name: str, text: str, source: str) -> int:
    """Puts `text` between `<!-- name -->` and `<!-- /name -->`; 1 when it is compared and differs, else 0."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    there = page.read_text()
    before, rest = there.split(begin)
    written = f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"
    if "--check" not in sys.argv:
        page.write_text(written)
        return 0
    if written != there:
        print(f"docs/{page.name} is not what {source}: `make contracts`")  # noqa: T201
    return int(written != there)

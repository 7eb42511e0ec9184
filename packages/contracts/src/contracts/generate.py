"""Writes the contracts' files from the models, and guards what was promised: `python -m contracts.generate [--check]`.

`schemas/`, `catalogue.json` and `examples/` are for readers. `released.json` is the memory: all schemas and topics ever
committed. It is compared in every run, with and without `--check`, and a difference that breaks a promise writes
nothing; only additions get into it. Why a file and no look into git: it works in an archive and a shallow clone, on a
branch and on main, today and in a year, and regenerating, deleting `schemas/` or committing does not get round it. The
one way to withdraw a promise is to edit that file by hand, which nobody overlooks in a review.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts import golden
from contracts.compatibility import breaks
from contracts.describe import Json, contracts

HOME = Path(__file__).resolve().parents[2]


def text(data: Any) -> str:
    """JSON as it is committed."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def outputs(home: Path, current: Json) -> dict[Path, str]:
    """Every generated file and what it is to hold. Raises ValueError for an example that its model refuses."""
    files = {home / "schemas" / f"{name}.json": text(schema) for name, schema in current["types"].items()}
    files[home / "catalogue.json"] = text(current["topics"])
    files[home / "released.json"] = text(current)
    for path in sorted((home / "examples").glob("jemputbola.*.json")):
        files[path] = text(golden.read(path).as_file)
    return files


def problems(home: Path, current: Json, *, check: bool) -> Iterator[str]:
    """What stands in the way, a line each; with `check` also every file that differs from what it is to hold."""
    released = home / "released.json"
    if released.exists():
        broken = breaks(json.loads(released.read_text()), current)
        yield from broken
        if broken:
            yield "a released type or topic only grows; what cannot, becomes a new version beside it"
    for name in current["types"]:
        if not (home / "examples" / f"{name}.json").exists():
            yield f"{name}: has no golden example; write examples/{name}.json with its `value`"
    try:
        files = outputs(home, current)
    except ValueError as error:
        yield f"examples: {error}"
        return
    for path in set((home / "schemas").glob("*.json")) - files.keys():
        yield f"{path.relative_to(home)}: belongs to no type; remove it"
    for path, content in files.items() if check else ():
        if not path.exists() or path.read_text() != content:
            yield f"{path.relative_to(home)}: not what the models say; run `make contracts`"


def main(arguments: list[str] | None = None) -> int:
    """Writes or checks; 1 and a line for each problem, 0 otherwise."""
    parser = ArgumentParser(prog="python -m contracts.generate", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    parser.add_argument("--home", type=Path, default=HOME, help="the folder with schemas/ and examples/")
    options = parser.parse_args(arguments)
    current = contracts()
    lines = list(problems(options.home, current, check=options.check))
    for line in lines:
        sys.stderr.write(f"contracts: {line}\n")
    if not lines and not options.check:
        for path, content in outputs(options.home, current).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

"""Which folders of migrations are accepted. (Applying them: tests/integration/chassis.)"""

from pathlib import Path

import pytest

from chassis import migrations_dir
from chassis.migrate import MigrationError, Source, read


def folder(path: Path, *names: str) -> Source:
    for name in names:
        (path / name).write_text("SELECT 1;")
    return Source("tiny", path)


def test_files_are_read_in_order(tmp_path: Path) -> None:
    found = read(folder(tmp_path, "0002_b.sql", "0001_a.sql", "notes.txt"))
    assert [str(migration) for migration in found] == ["tiny/0001_a.sql", "tiny/0002_b.sql"]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["0001_a.sql", "0003_c.sql"], "number 0002 is missing"),
        (["0002_b.sql"], "number 0001 is missing"),
        (["0001_a.sql", "0001_b.sql"], "number 0001 is there twice"),
        (["1_a.sql"], "1_a.sql is not called NNNN_name.sql"),
    ],
)
def test_what_is_wrong_with_a_folder(names: list[str], line: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=line):
        read(folder(tmp_path, *names))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="is no folder"):
        read(Source("tiny", tmp_path / "none"))


def test_the_chassis_has_migrations_itself() -> None:
    assert read(Source("chassis", migrations_dir()))

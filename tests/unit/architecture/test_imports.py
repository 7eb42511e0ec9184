"""The import rules of pyproject.toml hold, and each is shown to fail on a planted import."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT = Path(sys.executable).with_name("lint-imports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
NAMES = [contract["name"] for contract in CONTRACTS]

# Per contract: file → the imports planted there. All of them must be reported.
PLANTS: dict[str, dict[str, list[str]]] = {
    "Services never import each other": {
        "reporting/__init__.py": ["scheduling"],
        "scheduling/visits/__init__.py": ["enrollment"],
        "enrollment/__init__.py": ["reporting"],
    },
    "Services stand on chassis and web, chassis on exactly_once, and all on contracts": {
        "chassis/__init__.py": ["reporting"],
        "exactly_once/__init__.py": ["chassis", "enrollment"],
        "contracts/__init__.py": ["chassis", "web"],
        "web/charts.py": ["chassis"],
    },
    "Enrollment: HTTP above the nouns, no arrow back up": {
        "enrollment/persons/handlers.py": ["enrollment.api.persons", "enrollment.submissions.intake"],
        "enrollment/campaigns/store.py": ["enrollment.persons.store"],
    },
    "Scheduling: HTTP above the nouns, no arrow back up": {
        "scheduling/visits/handlers.py": ["scheduling.api.visits"],
        "scheduling/visits/model.py": ["scheduling.visits.rules"],
    },
    "Contracts import pydantic alone": {"contracts/types.py": []},
    "exactly_once knows no HTTP and no command line": {"exactly_once/outbox.py": []},
    "The counter shares nothing with the services but the contracts": {"counter/__init__.py": []},
    "web is the look of pages: no service, no database, no Kafka": {"web/pages.py": []},
    "Rules are pure: no input or output, no clock, no chance": {
        "enrollment/persons/rules.py": [],
        "scheduling/visits/rules.py": ["asyncpg"],
        "reporting/questions/coverage.py": ["time"],
    },
    "Reporting: what is shown stands on what is asked, and that on what came in": {
        "reporting/projection/facts.py": ["reporting.questions.moment"],
        "reporting/questions/reading.py": ["reporting.live.watch"],
        "reporting/live/watch.py": ["reporting.api.asked"],
        "reporting/pages/present.py": ["reporting.api.stream"],
    },
    "The product knows neither its local stack nor its demo": {
        "chassis/__init__.py": [],
        "counter/__init__.py": ["demo"],
    },
}


class Tree:
    """A copy of all the product's packages, linted with the repository's own configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source in (*ROOT.glob("packages/*/src/*"), *ROOT.glob("services/*/src/*")):
            if (source / "__init__.py").exists():
                shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)

    def plant(self, file: str, modules: list[str]) -> None:
        path = self.folder / file
        path.write_text(path.read_text() + "".join(f"\nimport {module}  # planted\n" for module in modules))

    def lint(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LINT, "--no-cache", "--config", self.folder / "pyproject.toml"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "src")


def test_the_product_keeps_every_rule(tree: Tree) -> None:
    run = tree.lint()
    assert run.returncode == 0, run.stdout
    assert f"Contracts: {len(NAMES)} kept, 0 broken." in run.stdout


def test_every_rule_has_a_plant() -> None:
    assert sorted(PLANTS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_import_breaks_the_rule(tree: Tree, name: str) -> None:
    contract = next(contract for contract in CONTRACTS if contract["name"] == name)
    planted: list[tuple[str, str]] = []
    for file, modules in PLANTS[name].items():
        # Nothing named: everything that the rule forbids.
        modules = modules or contract["forbidden_modules"]
        tree.plant(file, modules)
        planted += [
            (file.removesuffix(".py").removesuffix("/__init__").replace("/", "."), module) for module in modules
        ]

    run = tree.lint()

    assert run.returncode == 1
    assert f"{name} BROKEN" in run.stdout
    said = reported(run.stdout, name)
    for importer, imported in planted:
        assert f"{importer} -> {imported} " in said, f"{importer} -> {imported} is missing in:\n{said}"


def test_rules_may_not_reach_it_by_a_detour_either(tree: Tree) -> None:
    tree.plant("reporting/questions/coverage.py", ["reporting.questions.detour"])
    (tree.folder / "reporting/questions/detour.py").write_text("import time\n")

    said = reported(tree.lint().stdout, "Rules are pure: no input or output, no clock, no chance")

    assert "reporting.questions.coverage -> reporting.questions.detour" in said
    assert "reporting.questions.detour -> time" in said


def reported(output: str, name: str) -> str:
    """What import-linter says about one broken contract."""
    _, _, said = output.partition(f"\n{name}\n{'-' * len(name)}\n")
    return re.split(r"\n\n\n.+\n-{5,}\n", said)[0]

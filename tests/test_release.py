"""A release agrees with itself: its version, the versions that it needs, and what its workflows ask for."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import bench

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def constraints(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_version_is_one_everywhere() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert str(Version(bench.__version__)) == bench.__version__ == cited
    assert headings[0] in (bench.__version__, "Unreleased")


def lowest(requirement: Requirement) -> str:
    (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
    return bound


def test_the_lowest_constraints_are_the_lower_bounds_of_all_that_is_needed() -> None:
    bounds = {(r.name.lower(), str(r.marker)): Version(lowest(r)) for r in (*NEEDED, *EXTRAS)}
    pinned = constraints("constraints-lowest.txt")
    for requirement in pinned:
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert Version(pin.version) == bounds[requirement.name.lower(), str(requirement.marker)], requirement
    assert {r.name for r in pinned} >= {r.name for r in NEEDED}


def test_the_newest_constraints_are_allowed_and_have_all_that_is_needed() -> None:
    pinned: dict[str, list[str]] = {}
    for requirement in constraints("constraints.txt"):
        (pin,) = requirement.specifier
        pinned.setdefault(requirement.name.lower(), []).append(pin.version)
    for requirement in NEEDED:
        versions = pinned[requirement.name.lower()]
        assert all(requirement.specifier.contains(v) for v in versions), requirement


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_what_is_there(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    commands = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {word for command in commands for word in re.findall(r"\bmake (\w+)", command)} <= set(targets)
    named = re.findall(r"\bconstraints[\w-]*\.txt\b", path.read_text(encoding="utf-8"))
    assert all((ROOT / name).is_file() for name in named)


def test_the_image_is_built_from_files_that_are_there_and_not_ignored() -> None:
    allowed = re.findall(r"^!(.+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert all((ROOT / name).exists() for name in allowed)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    taken = [*wheel["wheel"]["packages"], *wheel["wheel"]["force-include"], PROJECT["readme"], "constraints.txt"]
    assert set(taken) | set(PROJECT["license-files"]) <= set(allowed)

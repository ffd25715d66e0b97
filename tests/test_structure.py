"""The house keeps its shape: data flows one way, only one module imports Hydra, every file is what it should be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bench"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up. What is on one storey imports what is below it, and nothing beside or above it.
STOREYS = (
    "registry arrays columns escaping progress random_bits terminal",  # stand alone
    "values store",  # what a setting may be; where things lie and how files are written
    "pool data networks",  # processes; images and their factors; encoders and decoders
    "models",  # what is trained
    "metrics",  # what scores it
    "study conventions",  # the plan of both; how other code computes metrics
    "training",
    "scoring",  # codes, and the scores of runs
    "table",  # every score of every run, in one table
    "analysis launch",  # what the table says; where the work of a study is done
    "report testing",  # figures and pages; what a metric is held to
    "cli",
    "__init__ __main__",  # the doors: `import bench`, `python -m bench`
)
STOREYS_OF_ANALYSIS = (
    "names statistics representations",
    "scores",
    "board pairs published",
)


def imports(file: Path) -> set[str]:
    """Dotted names that a file imports; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def boxes(folder: Path) -> set[str]:
    """The packages and modules directly in a folder."""
    return {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}


def climbs(storeys: tuple[str, ...], folder: Path) -> list[str]:
    """Imports of a package that do not run down, and boxes in it without a storey."""
    storey = {name: height for height, names in enumerate(storeys) for name in names.split()}
    package = ".".join(folder.relative_to(ROOT).parts)
    found = [f"{name} has no storey" for name in sorted(boxes(folder) - storey.keys() - {"__init__"})]
    for file in sorted(folder.rglob("*.py")):
        box = file.relative_to(folder).with_suffix("").parts[0]
        asked = {n.removeprefix(f"{package}.").split(".")[0] for n in imports(file) if n.startswith(f"{package}.")}
        asked = {name if name in boxes(folder) else "__init__" for name in asked} - {box}
        own = storey.get(box, len(storeys))
        found += [f"{file.relative_to(ROOT)} imports {n}" for n in sorted(asked) if storey.get(n, -1) >= own]
    return found


def test_imports_run_down_and_every_room_has_a_storey() -> None:
    assert climbs(STOREYS, PACKAGE) == []
    assert climbs(STOREYS_OF_ANALYSIS, PACKAGE / "analysis") == []


def test_every_storey_is_of_something_that_is_there() -> None:
    assert set(" ".join(STOREYS).split()) == boxes(PACKAGE)
    assert set(" ".join(STOREYS_OF_ANALYSIS).split()) == boxes(PACKAGE / "analysis") - {"__init__"}


def test_an_import_that_runs_up_or_beside_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for name, text in {"low": "", "up": "from bench.high import x", "high": "import bench.new", "new": ""}.items():
        (tmp_path / "bench" / name).mkdir(parents=True)
        (tmp_path / "bench" / name / "__init__.py").write_text(text)
    assert climbs(("low up", "high"), tmp_path / "bench") == ["new has no storey", "bench/up/__init__.py imports high"]
    assert climbs(("up low high new",), tmp_path / "bench") == [
        "bench/high/__init__.py imports new",
        "bench/up/__init__.py imports high",
    ]


def test_what_imports_the_package_itself_asks_for_its_version_or_its_place() -> None:
    for file in FILES:
        nodes = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Attribute)]
        asked = {n.attr for n in nodes if isinstance(n.value, ast.Name) and n.value.id == "bench"}
        assert asked <= {"__version__", "__file__"}, file


def test_the_page_of_the_architecture_has_every_room_on_its_storey() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE)
    told = {(int(storey), name) for storey, names in rows for name in re.findall(r"`(\w+)/?`", names)}
    assert told == {(storey, name) for storey, names in enumerate(STOREYS, 1) for name in names.split()}


def test_tests_have_the_rooms_of_the_package() -> None:
    folders = {f.name for f in (ROOT / "tests").iterdir() if any(f.glob("test_*.py"))}
    assert folders <= boxes(PACKAGE)


def test_the_tests_that_benchmarks_name_are_there() -> None:
    named = {
        name
        for file in (ROOT / "benchmarks").glob("*.py")
        for name in re.findall(r"tests/\w+/\w+\.py", file.read_text())
    }
    assert len(named) >= 3
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_only_main_imports_hydra() -> None:
    users = {f.name for f in FILES if any(n.split(".")[0] in ("hydra", "omegaconf") for n in imports(f))}
    assert users == {"__main__.py"}


def test_metrics_never_import_torch() -> None:
    for file in (PACKAGE / "metrics").rglob("*.py"):
        assert not any(n.split(".")[0] in ("torch", "pytorch_lightning") for n in imports(file)), file


def test_nothing_draws_from_global_random_state() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert "np.random.seed" not in text
        assert "torch.manual_seed" not in text
        assert "seed_everything" not in text


def test_folders_of_data_and_settings_hold_no_python() -> None:
    assert not [f for d in ("conf", "datasets", "results") for f in (ROOT / d).rglob("*.py")]


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "[m for m in ('torch', 'pandas', 'sklearn', 'matplotlib') if m in sys.modules]"
    code = f"import sys, bench, bench.data, bench.study.grid; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

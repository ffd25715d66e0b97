"""The house keeps its shape: data flows one way, only one module imports Hydra, every file is what it should be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bench"
FLOW = ["data", "models", "training", "codes", "metrics", "scoring", "table", "analysis", "report"]
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def stage(name: str) -> int | None:
    parts = name.split(".")
    return FLOW.index(parts[1]) if parts[0] == "bench" and len(parts) > 1 and parts[1] in FLOW else None


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_stage_imports_a_later_one(file: Path) -> None:
    own = stage(".".join(file.relative_to(ROOT).with_suffix("").parts))
    if own is not None:
        later = {n for n in imports(file) if (s := stage(n)) is not None and s > own}
        assert not later


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

"""What the workflows do is plain commands, which do here what they do there."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cli.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]


def steps(workflow: str, job: str) -> list[dict[str, Any]]:
    text = (ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["jobs"][job]["steps"]
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two submissions, and a branch that changes one, adds one and a file, and changes the code."""

    def git(*words: str) -> str:
        own = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path / "work"), *words]
        return subprocess.run(own, capture_output=True, text=True, check=True).stdout.strip()

    def put(text: str, *names: str) -> None:
        for name in names:
            (tmp_path / "work" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "work" / name).write_text(text)
        git("add", "-A")
        git("commit", "-qm", text)

    (tmp_path / "work").mkdir()
    git("init", "-q", "-b", "main")
    put("first", "results/submissions/a/card.yaml", "results/submissions/b/card.yaml", "code.py")
    (tmp_path / "base").write_text(git("rev-parse", "HEAD"))
    git("checkout", "-qb", "theirs")
    put(
        "second",
        "results/submissions/b/card.yaml",
        "results/submissions/a b;x/card.yaml",
        "results/submissions/page.html",
    )
    put("third", "code.py")
    (tmp_path / "head").write_text(git("rev-parse", "HEAD"))
    git("checkout", "-q", "main")
    return tmp_path / "work"


@pytest.mark.parametrize("wrong", [False, True])
def test_each_changed_submission_is_verified_and_one_that_is_wrong_fails(repository: Path, wrong: bool) -> None:
    (script,) = (step["run"] for step in steps("submission", "verify") if step.get("name") == "Verify")
    programs = repository.parent / "programs"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\necho "$4" >> asked\nexit {int(wrong)}\n')
    (programs / "python").chmod(0o755)
    words = {name.upper(): (repository.parent / name).read_text() for name in ("base", "head")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-e", "-c", script], cwd=repository, env={**os.environ, **words, "PATH": path})
    assert done.returncode == int(wrong)
    asked = (repository / "asked").read_text().splitlines()
    assert asked == [f"folder=results/submissions/{name}" for name in ("a b;x", "b", "page.html")]
    assert (repository / "code.py").read_text() == "first"
    assert (repository / "results/submissions/b/card.yaml").read_text() == "second"


def test_the_site_is_the_documentation_and_the_board() -> None:
    commands = [step["run"] for step in steps("site", "publish") if "run" in step]
    stages = [words.split()[3] for words in commands if words.startswith("python -m bench")]
    assert stages == ["board"]
    assert set(stages) <= STAGES.keys()
    assert "python -m mkdocs build --strict --site-dir site" in commands

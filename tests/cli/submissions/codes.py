"""Codes to submit, the commands that make and verify a submission, and what a stranger may change in one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench.cli import commands
from bench.store import shipped
from bench.store.tables import TableFolder
from bench.table.folder import read_card, read_identities, read_studies, read_table, write_folder

SIZES = (3, 6, 40, 32, 32)  # of dSprites
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=5_000) for n in SIZES], axis=1)
CODES = FACTORS / np.array(SIZES) + 0.1 * RNG.normal(size=FACTORS.shape)


def perform(stage: str, results_dir: Path, **changed: Any) -> int:
    """As the command line does it, without its process."""
    protocol = yaml.safe_load((shipped.conf_dir() / "scoring" / "quick.yaml").read_text(encoding="utf-8"))
    settings = {
        "stage": stage, "codes": None, "name": None, "dataset": "dsprites", "seed": [0], "results_dir": results_dir,
        "metric": ["mig", "unsupervised"], "scoring": protocol, "study": {"name": None, "title": None},
        "shipped": False,
        "given": {"metric": ""}, "processes": 1, "device": "cpu", "contact": None, "paper": None, "code": None,
        "with_codes": False, "folder": None, "strength": [0],
        "overrides": [
            f"name={changed.get('name')}", "metric=[mig,unsupervised]", "folder=/home/me/x", "results_dir=/home/me",
            "codes=/home/me/mine.npz", "processes=1", "device=cpu", "contact=me", "paper=mine", "code=mine",
        ],
    }  # fmt: skip
    return commands.perform(settings | changed, {})


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "mine.npz", **{"codes": CODES, "factors": FACTORS} | arrays)
    return folder / "mine.npz"


def verified(folder: Path, capsys: pytest.CaptureFixture[str], **asked: Any) -> tuple[int, str]:
    capsys.readouterr()
    code = perform("verify", folder.parent / "nowhere", folder=str(folder), **asked)
    return code, capsys.readouterr().out


def rewritten(folder: Path, change: Callable[[Any, dict[str, Any], dict[str, Any]], Any]) -> None:
    """Change table, identities and studies of a submission, and write a card that fits them."""
    files = TableFolder(folder)
    card = read_card(files)
    table, identities, studies = read_table(files, card), read_identities(files), dict(read_studies(files, card))
    table = change(table, identities, studies)
    write_folder(table, card["parts"], identities, files, studies)

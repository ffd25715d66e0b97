"""The files that come with the package, in the checkout or the wheel, and the default places of data and results."""

import os
import subprocess
from functools import cache
from pathlib import Path

from bench.registry import DEFINITIONS, entry_points, folders_of, package_of
from bench.store.tables import TableFolder

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent


def in_checkout() -> bool:
    """Whether the package runs from a checkout (or an editable install of one)."""
    return (_CHECKOUT / "conf" / "config.yaml").is_file() and (_CHECKOUT / "pyproject.toml").is_file()


@cache
def revision() -> str | None:
    """The git revision of the checkout, "-dirty" where its files differ from it; None without a repository."""
    if not (in_checkout() and (_CHECKOUT / ".git").exists()):
        return None
    command = ["git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):  # no git, or files without a history
        return None
    return described.stdout.strip()


def conf_dir() -> Path:
    """The shipped Hydra configuration: of the checkout, else of the wheel."""
    return _CHECKOUT / "conf" if in_checkout() else _PACKAGE / "_shipped" / "conf"


@cache
def conf_dirs() -> tuple[Path, ...]:
    """The folders of Hydra configuration: the shipped one, then `conf/` of each package that has a plug-in."""
    pointers = [pointer for kind in (*DEFINITIONS, "data") for pointer in entry_points(kind).values()]
    packages = sorted({package_of(pointer) for pointer in pointers})
    theirs = [folder / "conf" for package in packages for folder in folders_of(package)]
    return conf_dir(), *filter(Path.is_dir, theirs)


def cards_dir() -> Path:
    """The shipped data-set cards: of the checkout, else of the wheel."""
    return _CHECKOUT / "datasets" / "cards" if in_checkout() else _PACKAGE / "_shipped" / "cards"


def published(name: str) -> Path:
    """A shipped file of published numbers: numbers.json, box_plots.csv."""
    return _shipped_results("published") / name


def trained_dir() -> Path:
    """The trained models that come with the package."""
    return _shipped_results("trained")


def shipped_reference() -> "TableFolder":
    """The reference table that comes with the package."""
    return TableFolder(_shipped_results("reference"), "restore the file, or install the package again")


def _shipped_results(name: str) -> Path:
    return _CHECKOUT / "results" / name if in_checkout() else _PACKAGE / "_shipped" / name


def downloads_dir() -> Path:
    """The folder of downloaded and cached data files: $BENCH_DATA, else the checkout's, else the user's cache."""
    if chosen := os.environ.get("BENCH_DATA"):
        return Path(chosen).expanduser().resolve()
    if in_checkout():
        return _CHECKOUT / "datasets" / "downloads"
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return cache / "disentanglement-bench"


def own_data_dir() -> Path:
    """The folder of the user's own data sets, with cards and images: $BENCH_CARDS, else own/ of the downloads."""
    chosen = os.environ.get("BENCH_CARDS")
    return Path(chosen).expanduser().resolve() if chosen else downloads_dir() / "own"


def default_results_dir() -> Path:
    """The default of `results_dir`: the checkout's results/, else ./results."""
    return _CHECKOUT / "results" if in_checkout() else Path.cwd() / "results"

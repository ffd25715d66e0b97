"""The only module that knows paths: where things lie, how they are written whole, how they are read back.

```
RESULTS/runs/ID/            one folder a run
    config.json             the resolved configuration the id is the hash of
    checkpoint.safetensors  parameters, optimiser state and step, only while training
    losses.csv              reconstruction, KL and regulariser against step
    weights.safetensors     the trained learner
    done.json               versions, device, wall time: the mark of a trained run, written last
    failed.json             the traceback of a run that failed instead
    codes-*.safetensors     mean and log-variance of the encoded images
    scores-*.json           the scores of one call of the scoring stage
    claim-*                 who works on the run now; see bench.claims
RESULTS/compact/*.parquet   the runs' records in few files, made from them by themselves; may be deleted
RESULTS/comparisons/A_vs_B/ figures and tables of two models or studies side by side
RESULTS/datasets/NAME.png   contact sheets
RESULTS/checks/NAME.*       report cards of metrics: how they behave, drawn and as numbers
RESULTS/jobs/               jobs that a cluster still has, and their logs
RESULTS/studies/NAME/       plan.json, figures, tables and summary: a view over runs; export/: its table and card;
                            drawn.json, page/: what figures were drawn from, and their copies in the leaderboard page
RESULTS/reference/          the reference table and its card, which need no runs
```
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


class StoreError(RuntimeError):
    """A file of the store cannot be read or written; the message names it."""


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
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):  # no git, or files without a history
        return None
    return found.stdout.strip()


def conf_dir() -> Path:
    """The shipped Hydra configuration: of the checkout, else of the wheel."""
    return _CHECKOUT / "conf" if in_checkout() else _PACKAGE / "_shipped" / "conf"


def cards_dir() -> Path:
    """The shipped data-set cards: of the checkout, else of the wheel."""
    return _CHECKOUT / "datasets" / "cards" if in_checkout() else _PACKAGE / "_shipped" / "cards"


def published_numbers() -> Path:
    """The numbers that papers print, as shipped."""
    return _shipped_results("published") / "numbers.json"


def shipped_reference() -> "TableFolder":
    """The reference table that comes with the package."""
    return TableFolder(_shipped_results("reference"))


def _shipped_results(name: str) -> Path:
    return _CHECKOUT / "results" / name if in_checkout() else _PACKAGE / "_shipped" / name


def downloads_dir() -> Path:
    """Where data files are fetched to and cached: $BENCH_DATA, else the checkout's, else the user's cache."""
    if chosen := os.environ.get("BENCH_DATA"):
        return Path(chosen).expanduser().resolve()
    if in_checkout():
        return _CHECKOUT / "datasets" / "downloads"
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return cache / "disentanglement-bench"


def default_results_dir() -> Path:
    """Where results go unless `results_dir` says otherwise: the checkout's results/, else ./results."""
    return _CHECKOUT / "results" if in_checkout() else Path.cwd() / "results"


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under its name only when it is whole: temporary name, fsync, rename.

    Raises:
        StoreError: the folder cannot be written or the disk is full; what was there before is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as fault:
        raise StoreError(f"cannot write {path}: {fault.strerror or fault}") from fault
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole."""
    with writing(path) as file:
        file.write((json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StoreError: missing or not JSON; the message names the file.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault


def sha256_of(path: Path, hash_name: str = "sha256") -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, hash_name).hexdigest()


def digest(value: Any, length: int = 12) -> str:
    """A short hash of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> None:
    """Write named arrays and short notes whole, as safetensors."""
    from safetensors.numpy import save

    with writing(path) as file:
        file.write(save({n: np.ascontiguousarray(a) for n, a in arrays.items()}, dict(notes or {})))


def read_arrays(path: Path, rows: NDArray[np.int64] | None = None) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Named arrays and notes of a safetensors file; with `rows`, those rows of each array, and nothing else is read.

    Raises:
        StoreError: missing, truncated or not safetensors; the message names the file.
    """
    from safetensors import SafetensorError, safe_open

    def array(file: Any, name: str) -> NDArray[Any]:
        if rows is None:
            return np.asarray(file.get_tensor(name))
        parts = file.get_slice(name)
        return np.concatenate([parts[i : i + 1] for i in rows.tolist()])

    try:
        with safe_open(path, framework="numpy") as file:
            return {n: array(file, n) for n in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.checkpoint = path / "checkpoint.safetensors"
        self.losses = path / "losses.csv"
        self.weights = path / "weights.safetensors"
        self.done = path / "done.json"
        self.failed = path / "failed.json"

    def codes(self, pool: int) -> Path:
        """The codes of a pool of images."""
        return self.path / f"codes-{pool}.safetensors"

    def scores(self, key: str) -> Path:
        """The scores of one call of the scoring stage."""
        return self.path / f"scores-{key}.json"

    def set_aside(self, file: Path) -> Path:
        """Rename a file of the run that cannot be read, so that it is kept but never read again; its new name."""
        aside = file.with_name(f"damaged-{int(time.time())}-{file.name}")
        file.rename(aside)
        return aside

    def claim(self, predecessor: str) -> Path:
        """The claim on the run that follows the claim of that token; the first one follows "0"."""
        return self.path / f"claim-{predecessor}"

    def state(self) -> str:
        """ "done", "failed" or "missing"."""
        return "done" if self.done.exists() else "failed" if self.failed.exists() else "missing"

    def score_files(self) -> list[Path]:
        """Every file of scores, in a fixed order."""
        return sorted(self.path.glob("scores-*.json"))


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at a run's folder tells, without opening a file.

    Attributes:
        run: its id.
        state: "done", "failed" or "missing".
        records: (name, bytes, ns of last change) of config.json, done.json, losses.csv and the files of scores.
    """

    run: str
    state: str
    records: tuple[tuple[str, int, int], ...]

    @property
    def fingerprint(self) -> str:
        """Changes when a record is added, removed or written again."""
        return hashlib.blake2b(repr(self.records).encode(), digest_size=12).hexdigest()


def _listing(entry: "os.DirEntry[str]") -> Listing:
    with os.scandir(entry) as files:
        found = {file.name: file for file in files}
    names: list[str] = [n for n in ("config.json", "done.json", "losses.csv") if n in found]
    names += sorted(n for n in found if n.startswith("scores-"))
    state = "done" if "done.json" in found else "failed" if "failed.json" in found else "missing"
    stats = [(n, found[n].stat()) for n in names]
    return Listing(entry.name, state, tuple((n, s.st_size, s.st_mtime_ns) for n, s in stats))


class TableFolder:
    """A score table that stands alone, without the runs behind it, and the card that says where it comes from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = path / "scores.csv.gz"
        self.card = path / "card.yaml"


class Store:
    """A results folder.

    Raises:
        StoreError: it cannot be created or written to.
    """

    def __init__(self, results_dir: Path | str | None = None, *, writable: bool = False) -> None:
        self.path = Path(results_dir).expanduser().resolve() if results_dir else default_results_dir()
        if writable:
            mark = self.path / "runs" / ".writable"
            with writing(mark) as file:
                file.write(b"")
            mark.unlink(missing_ok=True)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, which may not exist yet."""
        return RunFolder(self.path / "runs" / run_id)

    def record(self, run_id: str, name: str) -> str:
        """The path of a file in a run's folder, as text: cheap where there are thousands."""
        return f"{self.path}/runs/{run_id}/{name}"

    def run_ids(self) -> list[str]:
        """Every run that left a folder."""
        return sorted(p.parent.name for p in self.path.glob("runs/*/config.json"))

    def listings(self) -> dict[str, Listing]:
        """Run id -> what its folder holds, in the order of ids; 12,600 folders take about 0.3 s."""
        runs = self.path / "runs"
        if not runs.is_dir():
            return {}
        with os.scandir(runs) as entries:
            folders = sorted((e for e in entries if e.is_dir()), key=lambda e: e.name)
        return {e.name: _listing(e) for e in folders}

    @property
    def compact(self) -> Path:
        """The folder of the compacted copy of the runs' records."""
        return self.path / "compact"

    def study(self, name: str) -> Path:
        """The folder of a study's view."""
        return self.path / "studies" / name

    def study_plan(self, name: str) -> Path:
        """The runs and score cells that a study consists of."""
        return self.study(name) / "plan.json"

    def export(self, name: str) -> TableFolder:
        """A study's scores as they are handed on."""
        return TableFolder(self.study(name) / "export")

    def reference(self) -> TableFolder:
        """The reference table of this store, which may not exist."""
        return TableFolder(self.path / "reference")

    @property
    def jobs(self) -> Path:
        """What launchers keep of their jobs: records, logs, and the engine's own files."""
        return self.path / "jobs"

    def comparison(self, a: str, b: str) -> Path:
        """The folder of a comparison of two models or studies."""
        return self.path / "comparisons" / re.sub(r"[^\w.-]+", "_", f"{a}_vs_{b}")

    def sheet(self, dataset: str) -> Path:
        """The contact sheet of a data set."""
        return self.path / "datasets" / f"{dataset}.png"

    def card(self, metric: str) -> Path:
        """The report card of a metric, without a suffix: a picture and the numbers in it."""
        return self.path / "checks" / metric

    def studies(self) -> list[str]:
        """Names of the studies that were started here."""
        return sorted(p.parent.name for p in self.path.glob("studies/*/plan.json"))

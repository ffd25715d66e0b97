"""Where things lie in a results folder. How files are written and read back: see bench.store.files.

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
    claim-*                 who works on the run now; see bench.store.claims
RESULTS/compact/*.parquet   the runs' records in few files, made from them by themselves; may be deleted
RESULTS/comparisons/A_vs_B/ figures and tables of two models or studies side by side
RESULTS/datasets/NAME.png   contact sheets
RESULTS/checks/NAME.*       report cards of metrics: how they behave, drawn and as numbers
RESULTS/jobs/               jobs that a cluster still has, and their logs
RESULTS/studies/NAME/       plan.json, figures, tables and summary: a view over runs; export/: its table and card;
                            drawn.json, page/: what figures were drawn from, and their copies in the leaderboard page
RESULTS/reference/          the reference table and its card, which need no runs
RESULTS/reference_before/   what it was before each of the last merges
```
"""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from bench.store.files import LARGEST_RECORD, StoreError, check_regular, remove_orphans, writing
from bench.store.shipped import default_results_dir
from bench.store.tables import TableFolder

RUN_ID = re.compile("[0-9a-f]{12}")


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
        """Rename a file of the run that cannot be read, so that it is kept but never read again; its new name.

        Raises:
            StoreError: it cannot be renamed.
        """
        aside = file.with_name(f"damaged-{int(time.time())}-{file.name}")
        try:
            file.rename(aside)
        except FileNotFoundError:  # another process has set it aside
            pass
        except OSError as fault:
            raise StoreError(f"cannot set {file} aside: {fault.strerror}") from fault
        return aside

    def claim(self, predecessor: str) -> Path:
        """The claim on the run that follows the claim of that token; the first one follows "0"."""
        return self.path / f"claim-{predecessor}"

    def state(self) -> str:
        """ "done", "failed" or "missing"; "missing", too, where the folder may not be looked into."""
        there = os.path.exists  # unlike the method of a path, it raises nothing
        return "done" if there(self.done) else "failed" if there(self.failed) else "missing"

    def score_files(self) -> list[Path]:
        """Every file of scores, in a fixed order."""
        return sorted(self.path.glob("scores-*.json"))


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at a run's folder tells, without opening a file.

    Attributes:
        run: its id.
        state: "done", "failed" or "missing"; "unreadable" where the folder cannot be looked into.
        records: (name, bytes, ns of last change) of config.json, done.json or failed.json, losses.csv and the files of
            scores.
        faults: (name, error) of records that cannot be one, such as a folder; "" is the name of the run's folder.
    """

    run: str
    state: str
    records: tuple[tuple[str, int, int], ...]
    faults: tuple[tuple[str, Exception], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes when a record is added, removed or written again."""
        return hashlib.blake2b(repr(self.records).encode(), digest_size=12).hexdigest()


def _listing(entry: "os.DirEntry[str]", clear_at: float | None) -> Listing:
    """Look into a folder; with a time by the file system's clock, what killed writers left there is removed."""
    try:
        with os.scandir(entry) as files:
            found = {file.name: file for file in files}
    except FileNotFoundError:
        if not entry.is_symlink():
            return Listing(entry.name, "missing", ())  # removed since
        return Listing(entry.name, "unreadable", (), (("", OSError("it is a link to nothing")),))
    except OSError as fault:
        return Listing(entry.name, "unreadable", (), (("", fault),))
    if clear_at is not None:
        remove_orphans(Path(entry.path), found, clear_at)
    state = "done" if "done.json" in found else "failed" if "failed.json" in found else "missing"
    names = [n for n in ("config.json", _MARKS[state], "losses.csv") if n in found]
    names += sorted(n for n in found if n.startswith("scores-") and n.endswith(".json"))
    records, faults = list[tuple[str, int, int]](), list[tuple[str, Exception]]()
    for name in names:
        try:
            about = found[name].stat()
            check_regular(about, LARGEST_RECORD)
        except (OSError, ValueError) as fault:
            faults.append((name, fault))
        else:
            records.append((name, about.st_size, about.st_mtime_ns))
    return Listing(entry.name, state, tuple(records), tuple(faults))


_MARKS = {"done": "done.json", "failed": "failed.json", "missing": ""}


def _is_run(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of runs/ is a folder, or has the name of one."""
    if RUN_ID.fullmatch(entry.name):
        return True
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


class Store:
    """A results folder; nothing in it is created, touched or removed unless it is `writable`.

    Raises:
        StoreError: it cannot be created or written to.
    """

    def __init__(self, results_dir: Path | str | None = None, *, writable: bool = False) -> None:
        given = Path(results_dir).expanduser() if results_dir else default_results_dir()
        self.path = Path(os.path.realpath(given))  # unlike `resolve`, it takes a loop of links, which is told below
        self.writable = writable
        self._began: float | None = None  # by the file system's clock
        if writable:
            mark = self.path / "runs" / ".writable"
            with writing(mark) as file:
                self._began = os.fstat(file.fileno()).st_mtime
            mark.unlink(missing_ok=True)
            self._remove_orphans(self._began)

    def _remove_orphans(self, now: float) -> None:
        """Remove what killed writers left, but in the runs' folders, which `listings` looks into anyway."""
        for name in ("checks", "compact", "comparisons", "datasets", "jobs", "reference", "studies"):
            for folder, _, files in os.walk(self.path / name):
                remove_orphans(Path(folder), files, now)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, which may not exist yet."""
        return RunFolder(self.path / "runs" / run_id)

    def record(self, run_id: str, name: str) -> str:
        """The path of a file in a run's folder, as text: cheap where there are thousands."""
        return f"{self.path}/runs/{run_id}/{name}"

    def listings(self) -> dict[str, Listing]:
        """Run id -> what its folder holds, in the order of ids; 12,600 folders take about 0.3 s.

        Raises:
            StoreError: the folder of the runs cannot be read.
        """
        runs = self.path / "runs"
        try:
            with os.scandir(runs) as entries:
                folders = sorted((e for e in entries if _is_run(e)), key=lambda e: e.name)
        except FileNotFoundError:
            return {}
        except OSError as fault:
            raise StoreError(f"cannot read {runs}: {fault.strerror}") from fault
        return {e.name: _listing(e, self._began) for e in folders}

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
        mend = f"`python -m bench merge --undo results_dir={self.path}` takes the last merge back, or delete the folder"
        return TableFolder(self.path / "reference", mend)

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

"""The layout of a results folder; bench.store.files writes and reads the files.

```
RESULTS/runs/ID/            one folder a run
    config.json             the resolved configuration the id is the hash of
    checkpoint.safetensors  parameters, optimiser state and step, only while training
    losses.csv              reconstruction, KL and regulariser against step
    weights.safetensors     the trained learner
    done.json               versions, device, wall time, checksum of weights: the mark of a trained run, written last
    failed.json             the traceback of a run that failed instead
    codes-*.safetensors     mean and log-variance of the encoded images
    scores-*.json           the scores of one call of the scoring stage
    claim-*                 which process works on the run; see bench.store.claims
RESULTS/compact/*.parquet   a copy of the runs' records in few files, made automatically; may be deleted
RESULTS/comparisons/A_vs_B/ figures and tables that compare two models or studies
RESULTS/datasets/NAME.png   contact sheets
RESULTS/checks/NAME.*       report cards of metrics: a picture of their behaviour and its numbers
RESULTS/jobs/               jobs that run on a cluster, and their logs
RESULTS/studies/NAME/       plan.json, figures, tables and summary: a view over runs; export/: its table and card;
                            drawn.json, page/: what figures were drawn from, and their copies in the leaderboard page
RESULTS/reference/          the reference table and its card, which need no runs
RESULTS/reference_before/   the reference table before each of the last merges
RESULTS/submissions/NAME/   submissions that were accepted for the public board; see bench.table.submission
RESULTS/submitted/SHA256/   a store of submitted codes in half precision
```
"""

import hashlib
import os
import re
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from bench.store.files import LARGEST_RECORD, StoreError, check_regular, remove, remove_orphans, writing
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
        """Rename a file of the run that cannot be read, so that it is kept but never read again; return its new path.

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
        """The claim on the run that succeeds the claim with this token; the first claim succeeds "0"."""
        return self.path / f"claim-{predecessor}"

    def state(self) -> str:
        """ "done", "failed" or "missing"; also "missing" if the folder cannot be listed."""
        exists = os.path.exists  # raises nothing, unlike Path.exists
        return "done" if exists(self.done) else "failed" if exists(self.failed) else "missing"

    def score_files(self) -> list[Path]:
        """Every file of scores, in a fixed order."""
        return sorted(self.path.glob("scores-*.json"))


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of a run's folder, listed without opening a file.

    Attributes:
        run: its id.
        state: "done", "failed" or "missing"; "unreadable" if the folder cannot be listed.
        records: (name, bytes, ns of last change) of config.json, done.json or failed.json, losses.csv and the files of
            scores.
        faults: (name, error) of records that cannot be read, such as a folder of that name; "" names the run's folder.
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
    """List a run's folder; given the time by the file system's clock, remove orphans of killed writers there."""
    try:
        with os.scandir(entry) as files:
            files_by_name = {file.name: file for file in files}
    except FileNotFoundError:
        if not entry.is_symlink():
            return Listing(entry.name, "missing", ())  # removed meanwhile
        return Listing(entry.name, "unreadable", (), (("", OSError("it is a link to nothing")),))
    except OSError as fault:
        return Listing(entry.name, "unreadable", (), (("", fault),))
    if clear_at is not None:
        remove_orphans(Path(entry.path), files_by_name, clear_at)
    state = "done" if "done.json" in files_by_name else "failed" if "failed.json" in files_by_name else "missing"
    names = [n for n in ("config.json", _MARKS[state], "losses.csv") if n in files_by_name]
    names += sorted(n for n in files_by_name if n.startswith("scores-") and n.endswith(".json"))
    records, faults = list[tuple[str, int, int]](), list[tuple[str, Exception]]()
    for name in names:
        try:
            status = files_by_name[name].stat()
            check_regular(status, LARGEST_RECORD)
        except (OSError, ValueError) as fault:
            faults.append((name, fault))
        else:
            records.append((name, status.st_size, status.st_mtime_ns))
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

    Views of studies, comparisons and contact sheets are written to another folder if `views` names one.

    Raises:
        StoreError: it, or the folder of the views, cannot be created or written to.
    """

    def __init__(
        self, results_dir: Path | str | None = None, *, writable: bool = False, views: Path | str | None = None
    ) -> None:
        path = Path(results_dir).expanduser() if results_dir else default_results_dir()
        self.path = Path(os.path.realpath(path))  # takes a loop of links, unlike `resolve`; it is reported below
        self.views = self.path if views is None else Path(views).absolute()
        self.writable = writable
        self._began: float | None = None  # by the file system's clock
        if writable or views is not None:
            mark = (self.path / "runs" if writable else self.views) / ".writable"
            with writing(mark) as file:
                now = os.fstat(file.fileno()).st_mtime
            remove(mark)
        if writable:
            self._began = now
            self._remove_orphans(now)

    def __str__(self) -> str:
        return str(self.path) if self.path.is_dir() else f"{self.path}, which does not exist"

    def _remove_orphans(self, now: float) -> None:
        """Remove orphans of killed writers, except in the runs' folders, which `listings` clears."""
        names = ("checks", "compact", "comparisons", "datasets", "jobs", "reference", "reference_before", "studies")
        for name in names:
            for folder, _, files in os.walk(self.path / name):
                remove_orphans(Path(folder), files, now)

    def command(self, words: str) -> str:
        """A command for this store, to be copied from a message: it names the store unless that is the default."""
        elsewhere = self.path != Path(os.path.realpath(default_results_dir()))
        return f"python -m bench {words}" + (f" results_dir={shlex.quote(str(self.path))}" if elsewhere else "")

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, which may not exist yet."""
        return RunFolder(self.path / "runs" / run_id)

    def record(self, run_id: str, name: str) -> str:
        """The path of a file in a run's folder, as text: faster than a Path for thousands of runs."""
        return f"{self.path}/runs/{run_id}/{name}"

    def listings(self) -> dict[str, Listing]:
        """Run id -> the listing of its folder, sorted by id; 12,600 folders take about 0.3 s.

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
        return self.views / "studies" / name

    def study_plan(self, name: str) -> Path:
        """The runs and score cells that a study consists of."""
        return self.path / "studies" / name / "plan.json"

    def export(self, name: str) -> TableFolder:
        """The exported score table of a study."""
        return TableFolder(self.study(name) / "export")

    def reference(self) -> TableFolder:
        """The reference table of this store, which may not exist."""
        mend = f"`{self.command('merge --undo')}` takes the last merge back, or delete the folder"
        return TableFolder(self.path / "reference", mend)

    @property
    def submissions(self) -> Path:
        """The folder of the submissions that were accepted."""
        return self.path / "submissions"

    def submitted(self, sha256: str) -> Path:
        """The store of submitted codes in half precision: this store may have other codes of the same name."""
        return self.path / "submitted" / sha256[:12]

    @property
    def jobs(self) -> Path:
        """The launchers' records of their jobs, logs, and the engine's own files."""
        return self.path / "jobs"

    def comparison(self, a: str, b: str) -> Path:
        """The folder of a comparison of two models or studies."""
        return self.views / "comparisons" / re.sub(r"[^\w.-]+", "_", f"{a}_vs_{b}")

    def sheet(self, dataset: str) -> Path:
        """The contact sheet of a data set."""
        return self.views / "datasets" / f"{dataset}.png"

    def card(self, metric: str) -> Path:
        """The path of a metric's report card, without a suffix: a picture and its numbers."""
        return self.path / "checks" / metric

    def studies(self) -> list[str]:
        """Names of the studies that were started here."""
        return sorted(p.parent.name for p in self.path.glob("studies/*/plan.json"))

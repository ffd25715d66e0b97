"""A cache of drawings: each is made again only if its inputs have changed.

A drawing has a key: the hash of its inputs. `drawn.json` in a study's folder holds the key of each drawing and the
digests of its files. A drawing is kept if its key and its files are as recorded; if a file or the record is missing or
damaged, it is drawn again. Two concurrent commands may draw something twice, which is harmless.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal, get_args

import pandas as pd

from bench.analysis.scores.agreement import TooFewRunsError
from bench.pool import Pool
from bench.progress import say
from bench.store.files import StoreError, digest, read_json, remove, sha256_of, write_json
from bench.store.folders import RunFolder
from bench.store.shipped import cards_dir, conf_dirs
from bench.study.run import Run

RECORD = "drawn.json"
PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "pypdfium2", "scipy", "seaborn")
State = Literal["unchanged", "drawn", "not drawn", "failed"]


@dataclass(frozen=True)
class Drawing:
    """A drawing that may have to be made.

    Attributes:
        name: unique among the drawings of its kind.
        key: the hash of its inputs.
        task: arguments of the function that draws it.
    """

    name: str
    key: str
    task: tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a drawing: its files, or why it has none."""

    name: str
    state: State
    files: tuple[Path, ...] = ()
    why: str = ""

    @property
    def picture(self) -> Path | None:
        """Its png."""
        return next((file for file in self.files if file.suffix == ".png"), None)

    def __str__(self) -> str:
        state = self.state.upper() if self.state == "failed" else self.state
        return f"{self.name}: {state}: {self.why}" if self.why else f"{self.name}: {self.picture or self.files[0]}"


@dataclass(frozen=True)
class _Entry:
    """A drawing in the record: file names relative to the study's folder, each with its sha256."""

    key: str
    files: Mapping[str, str]
    why: str = ""

    def paths(self, folder: Path) -> tuple[Path, ...]:
        return tuple(folder / name for name in self.files)

    def holds(self, folder: Path) -> bool:
        """Whether every file is as it was written."""
        return all((folder / n).is_file() and sha256_of(folder / n) == sha for n, sha in self.files.items())


def draw_changed(
    kind: str,
    drawings: Sequence[Drawing],
    draw: Callable[..., Sequence[Path]],
    folder: Path,
    pool: Pool,
    kept: Collection[str] = (),
) -> Iterator[Outcome]:
    """Make the drawings that have changed, and remove the files of drawings that are no longer in the list.

    Args:
        kind: of the drawings; those of other kinds are left alone.
        drawings: all of the kind.
        draw: called in the pool with the task of a drawing; writes files into the folder and returns their paths.
            Raises `TooFewRunsError` if there is too little to draw.
        folder: of the study.
        pool: of the processes that draw.
        kept: names of drawings that cannot be made now; what was drawn of them before stays.

    Yields:
        An outcome for each drawing, unchanged ones first. A failure does not stop the others.
    """
    recorded = _read(folder).get(kind, {})
    names = {*kept, *(d.name for d in drawings)}
    entries = {n: e for n, e in recorded.items() if n in names}
    stale = [p for n, e in recorded.items() if n not in names for p in e.paths(folder)]
    changed = []
    try:
        for drawing in drawings:
            entry = entries.get(drawing.name)
            if entry is None or entry.key != drawing.key or not entry.holds(folder):
                changed.append(drawing)
            else:
                state: State = "not drawn" if entry.why else "unchanged"
                yield Outcome(drawing.name, state, entry.paths(folder), entry.why)
        killed = Outcome("one", "failed", why="its process was killed")
        tasks = [(d.name, d.task) for d in changed]
        for position, outcome in pool.run(partial(_attempt, draw), tasks, killed=killed):
            drawing = changed[position]
            outcome = replace(outcome, name=drawing.name)
            previous = entries.pop(drawing.name, None)
            stale += [] if previous is None else [p for p in previous.paths(folder) if p not in outcome.files]
            if outcome.state != "failed":
                files = {str(p.relative_to(folder)): sha256_of(p) for p in outcome.files}
                entries[drawing.name] = _Entry(drawing.key, files, outcome.why)
            yield outcome
    finally:
        for path in stale:
            remove(path)
        _write(folder, kind, entries)


def _attempt(draw: Callable[..., Sequence[Path]], name: str, task: tuple[Any, ...]) -> Outcome:
    """Draw, in a worker; an error is returned as text, because not every exception can be pickled."""
    try:
        return Outcome(name, "drawn", tuple(draw(*task)))
    except TooFewRunsError as reason:
        return Outcome(name, "not drawn", why=str(reason))
    except Exception as fault:
        last = extract_tb(fault.__traceback__)[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        return Outcome(name, "failed", why=f"{type(fault).__name__}: {fault} ({place})")


def tell(kind: str, outcomes: Iterable[Outcome], page: str | None = None) -> dict[str, str]:
    """Report outcomes as they come, then those that were not drawn, a line for each reason, and how many were kept.

    Args:
        kind: of the drawings, in words.
        outcomes: to report.
        page: a page that has the reasons, which are then not told: one line names what was not drawn.

    Returns:
        The drawings that failed, and why.
    """
    counts: Counter[str] = Counter()
    failed = {}
    undrawn: dict[str, list[str]] = {}
    for outcome in outcomes:
        counts[outcome.state] += 1
        if outcome.state == "not drawn":
            undrawn.setdefault(f"{page} says why" if page else outcome.why, []).append(outcome.name)
        elif outcome.state != "unchanged":
            say(f"  {outcome}")
        if outcome.state == "failed":
            failed[outcome.name] = outcome.why
    for why, names in undrawn.items():
        say(f"  {', '.join(names)}: not drawn: {why}")
    if counts:
        say(f"  {kind}: {', '.join(f'{counts[s]} {s}' for s in get_args(State) if s in counts)}")
    return failed


@cache
def code(*places: str) -> str:
    """A hash of the code that draws: Python files and folders of the package, models' yamls, cards, libraries."""
    files = [file for place in places for file in _python(PACKAGE / place)]
    files += [f for folder in (*(d / "model" for d in conf_dirs()), cards_dir()) for f in folder.glob("*.yaml")]
    texts = sorted((f.name, sha256_of(f)) for f in files)
    return digest([texts, {name: version(name) for name in LIBRARIES}])


def _python(place: Path) -> list[Path]:
    return [place] if place.is_file() else list(place.rglob("*.py"))


def rows_digest(table: pd.DataFrame) -> str:
    """A hash of the rows and columns of a table, in their order."""
    rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
    return hashlib.sha256(repr(list(table.columns)).encode() + rows.tobytes()).hexdigest()


def trained(run: Run, folder: RunFolder) -> list[Any]:
    """The inputs of a drawing of a trained run: its record, and hashes of its files."""
    files = (folder.done, folder.weights, folder.losses)
    return [run.record(), *(sha256_of(file) if file.exists() else None for file in files)]


def _read(folder: Path) -> dict[str, dict[str, _Entry]]:
    """Kind -> name -> entry; nothing where the record is missing or damaged."""
    try:
        record = read_json(folder / RECORD)
        return {kind: {n: _entry(**e) for n, e in entries.items()} for kind, entries in record.items()}
    except (StoreError, RecursionError, TypeError, ValueError, AttributeError):
        return {}


def _entry(key: str, files: Mapping[str, str], why: str) -> _Entry:
    """An entry of the record, which may be damaged: no file of it lies outside the study's folder."""
    for name in files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name} is not a file of the study")
    return _Entry(str(key), {str(n): str(sha) for n, sha in files.items()}, str(why))


def _write(folder: Path, kind: str, entries: dict[str, _Entry]) -> None:
    """Write the entries of one kind into the record, and keep those of other kinds."""
    recorded = _read(folder)
    if recorded.get(kind, {}) != entries:
        kinds = {k: by_name for k, by_name in (recorded | {kind: entries}).items() if by_name}
        write_json(folder / RECORD, {k: {n: asdict(e) for n, e in by_name.items()} for k, by_name in kinds.items()})

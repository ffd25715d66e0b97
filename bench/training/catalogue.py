"""Trained models that ship with the package: a catalogue, and weights in half precision that are never unpickled.

```
results/trained/catalogue.json    the run and training record of each model, its file and the file's checksum
results/trained/ID.safetensors    the weights of a run in half precision, and its loss curves as a note
DOWNLOADS/trained/ID.safetensors  weights beyond the size limit of the repository: files of a release
```

The reference table scores a shipped model by its shipped weights, so that its scores can be reproduced.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from bench.store.claims import claiming
from bench.store.files import (
    StoreError,
    read_arrays,
    read_json,
    remove,
    sha256_of,
    write_arrays,
    write_json,
    write_text,
)
from bench.store.folders import RunFolder, Store
from bench.store.record_types import ConfigRecord, DoneRecord, Line, Sha256, read_record
from bench.store.shipped import downloads_dir, trained_dir
from bench.store.weights import read_weights, write_done
from bench.study.run import Run
from bench.training.recorded import run_of, trained_here
from bench.values import ConfigError, one_of

if TYPE_CHECKING:
    from bench.models.base import Learner

FORMAT = 1
MEND = "restore it, or install the package again"
LARGEST_IN_REPOSITORY = 20_000_000  # bytes of weights; the others are files of a release
LOSSES = "losses.csv"  # the note that holds a run's loss curves
ABOUT = "Trained models that ship; `python -m bench list trained` shows them, `python -m bench ship` adds to them."


class ModelRecord(TypedDict):
    """A model of the catalogue."""

    file: Line
    sha256: Sha256
    release: NotRequired[bool]
    run: ConfigRecord
    training: DoneRecord


class CatalogueRecord(TypedDict):
    """catalogue.json."""

    format: int
    about: NotRequired[str]
    models: list[ModelRecord]


@dataclass(frozen=True)
class Trained:
    """A model of the catalogue.

    Attributes:
        folder: of the catalogue.
        record: the model's entry in catalogue.json.
    """

    folder: Path
    record: ModelRecord

    @property
    def run(self) -> str:
        """The id of its run."""
        return self.record["run"]["id"]

    @property
    def model(self) -> str:
        """The learner."""
        return self.record["run"]["model"]["name"]

    @property
    def dataset(self) -> str:
        """The data set that it was trained on."""
        return self.record["run"]["dataset"]["name"]

    @property
    def setting(self) -> tuple[int | None, float | None, int]:
        """Strength index, value, and the seed."""
        run = self.record["run"]
        return run["strength"], run["value"], run["seed"]

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The part of its schedule that its id depends on: steps, precision, image_size, ..."""
        return self.record["run"]["schedule"]

    @property
    def path(self) -> Path:
        """Its file of weights."""
        return (downloads_dir() / "trained" if self.record.get("release") else self.folder) / self.record["file"]

    def __str__(self) -> str:
        return str(self.as_run())

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Its weights in 32-bit floats, and the notes of the file.

        Raises:
            StoreError: the file is missing, or its checksum is wrong; the message says what to do.
        """
        if not self.path.exists():
            mend = "it is a file of the project's release, put it there" if self.record.get("release") else MEND
            raise StoreError(f"{self.path}, the weights of {self}, is missing: {mend}")
        try:
            same = sha256_of(self.path) == self.record["sha256"]
        except OSError as fault:
            raise StoreError(f"cannot read {self.path}: {fault.strerror or fault}") from fault
        if not same:
            raise StoreError(f"{self.path} is not the file of the catalogue, its sha256 differs: {MEND}")
        arrays, notes = read_arrays(self.path)
        return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}, notes

    def as_run(self) -> Run:
        """Its run, from which a learner can be built."""
        return run_of(self.record["run"])


def catalogue(folder: Path | None = None) -> list[Trained]:
    """The trained models that ship, by data set, model, strength and seed.

    Args:
        folder: of a catalogue; None: the catalogue of the package.

    Raises:
        StoreError: the catalogue is damaged; the message says what to do.
    """
    folder = folder or trained_dir()
    path = folder / "catalogue.json"
    if not path.exists():
        return []
    try:
        record = read_record(path, CatalogueRecord)
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']}, this version reads {FORMAT}")
        entries = [Trained(folder, entry) for entry in record["models"]]
        for entry in entries:
            if entry.as_run().id != entry.run or entry.record["file"] != f"{entry.run}.safetensors":
                raise ValueError(f"{entry.record['file']} does not belong to the run of its entry")
    except StoreError as fault:
        raise StoreError(f"{fault}; {MEND}") from fault
    except (ValueError, LookupError) as fault:
        raise StoreError(f"cannot read {path}: {fault}; {MEND}") from fault
    return sorted(entries, key=_order)


def _order(entry: Trained) -> tuple[Any, ...]:
    strength, value, seed = entry.setting
    return entry.dataset, entry.model, value or 0.0, strength or 0, seed, entry.schedule["steps"], entry.run


def load_model(model: str | Path, dataset: str = "dsprites", strength: float = 0, seed: int = 0) -> "Learner":
    """A trained model that ships, or that was trained here, with `encode` and `decode`; nothing is trained.

    Args:
        model: such as "beta_vae"; or the folder of a finished run, such as "results/runs/6f79dfdef8a4" (`choose` and
            the column `run` of `bench.scores` name them), for which the other arguments do not matter.
        dataset: what it was trained on.
        strength: an index into the model's published values, or, as a float, the value itself.
        seed: of its training.

    Returns:
        On the CPU: `encode(images)` returns mean and log-variance (N, D) of images (N, height, width, channels) in
        [0, 1], `decode(codes)` returns images of codes. Of several schedules it is the one with the most steps.

    Raises:
        UnknownNameError: no model of that name ships, or none on that data set; the message offers the nearest.
        ConfigError: none of that strength and seed; the message lists those that ship.
        StoreError: its file is missing or damaged, or the folder is of no finished run; the message says what to do.
    """
    from bench.training.train import learner_of

    if isinstance(model, Path) or os.sep in str(model):
        return trained_here(RunFolder(Path(model)))
    entries = [entry for entry in catalogue() if "sampling" not in entry.record["run"]]  # trained on all images
    entry = find(entries, model, dataset, strength, seed)
    return learner_of(entry.as_run(), entry.arrays()[0])


def find(entries: Sequence[Trained], model: str, dataset: str, strength: float, seed: int) -> Trained:
    """The model of a catalogue with these settings; it raises the errors of `load_model`."""
    if not entries:
        raise ConfigError("no trained models came with this package")
    for kind, name, shipped in (
        ("trained model", model, {e.model for e in entries}),
        (f"data set of a trained {model}", dataset, {e.dataset for e in entries if e.model == model}),
    ):
        one_of(kind, name, shipped)
    if not isinstance(strength, Real) or isinstance(strength, bool) or not isinstance(seed, Integral):
        raise ConfigError(f"strength is an index or a value and seed an integer, got {strength!r} and {seed!r}")
    group = [e for e in entries if (e.model, e.dataset) == (model, dataset)]
    place = 0 if isinstance(strength, Integral) else 1
    matches = [e for e in group if e.setting[2] == seed and e.setting[place] in (strength, None)]
    if not matches:
        nearest = min(group, key=lambda e: (abs((e.setting[place] or 0) - strength), abs(e.setting[2] - seed))).setting
        raise ConfigError(
            f"no trained {model} on {dataset} has strength {strength} and seed {seed}. There are {_seeds(group)}. "
            f"The nearest: strength={nearest[0]}, seed={nearest[2]}"
        )
    return max(matches, key=lambda e: int(e.schedule["steps"]))


def _seeds(group: Iterable[Trained]) -> str:
    """The strengths and their seeds, in words."""
    seeds: dict[str, list[int]] = {}
    for entry in group:
        strength, value, seed = entry.setting
        seeds.setdefault("any strength" if value is None else f"strength {strength} ({value:g})", []).append(seed)
    return "; ".join(f"{setting}: seed {', '.join(map(str, sorted(set(n))))}" for setting, n in seeds.items())


def shipped_among(runs: Iterable[Run]) -> list[Trained]:
    """The models of the catalogue for these runs, without files of a release that were not downloaded."""
    ids = {run.id for run in runs}
    return [e for e in catalogue() if e.run in ids and (e.path.exists() or not e.record.get("release"))]


def take(runs: Sequence[Run], store: Store) -> list[Run]:
    """Copy shipped weights into a store instead of training, for runs that are not done there.

    `done.json` records where the weights came from and how they were trained. Runs that another process trains are
    skipped.

    Returns:
        The runs whose weights were copied.

    Raises:
        StoreError: a file of the catalogue is missing or damaged, or the store cannot be written.
    """
    shipped = {entry.run: entry for entry in shipped_among(runs)}
    candidates = [run for run in runs if run.id in shipped]
    copied = []
    with claiming([store.run(run.id) for run in candidates]) as claims:
        for run, claim in zip(candidates, claims, strict=True):
            if claim is not None and claim.folder.state() != "done":
                _copy(run, shipped[run.id], store)
                copied.append(run)
    return copied


def _copy(run: Run, entry: Trained, store: Store) -> None:
    """Write the run's folder as training would; `done.json` last."""
    folder, (arrays, notes) = store.run(run.id), entry.arrays()
    write_json(folder.config, run.record())
    write_arrays(folder.weights, arrays)
    if LOSSES in notes:
        write_text(folder.losses, notes[LOSSES])
    write_done(folder, {**entry.record["training"], "taken_from": f"shipped {entry.record['file']}"})
    for leftover in (folder.checkpoint, folder.failed):
        remove(leftover)


def was_taken(folder: RunFolder) -> bool:
    """Whether the weights of a finished run were copied from the catalogue; False if its record is damaged."""
    with suppress(StoreError, TypeError):
        return "taken_from" in read_json(folder.done)
    return False


def ship(runs: Iterable[Run], store: Store, folder: Path) -> list[Trained]:
    """Add the finished runs of a store to a catalogue; existing entries do not change.

    Args:
        runs: of a study.
        store: of their weights.
        folder: of the catalogue; it may not exist yet.

    Returns:
        The added models.

    Raises:
        ConfigError: half precision cannot hold a weight; that run is not added.
        StoreError: a file cannot be read or written.
    """
    entries = catalogue(folder)
    size = sum(e.path.stat().st_size for e in entries if not e.record.get("release"))
    catalogued = {e.run for e in entries}
    added = []
    for run in runs:
        if run.fitted or run.id in catalogued or store.run(run.id).state() != "done":
            continue
        arrays, notes = _halved(run, store)
        size += sum(array.nbytes for array in arrays.values()) + sum(map(len, notes.values()))
        release = {"release": True} if size > LARGEST_IN_REPOSITORY else {}
        training = read_record(store.run(run.id).done, DoneRecord)
        training.pop("sha256", None)  # that of the weights before they are halved
        origin = {"run": run.record(), "training": training}
        record: Any = {"file": f"{run.id}.safetensors", "sha256": "", **release, **origin}
        entry = Trained(folder, record)
        write_arrays(entry.path, arrays, notes)
        record["sha256"] = sha256_of(entry.path)
        added.append(entry)
    if added:
        models = [entry.record for entry in sorted([*entries, *added], key=_order)]
        write_json(folder / "catalogue.json", {"format": FORMAT, "about": ABOUT, "models": models})
    return added


def _halved(run: Run, store: Store) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """A run's weights in half precision, and its loss curves as a note."""
    folder = store.run(run.id)
    arrays = read_weights(folder)
    with np.errstate(over="ignore"):  # numbers beyond half precision become infinite
        halved = {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in arrays.items()}
    for name, array in halved.items():
        if array.dtype == np.float16 and not np.isfinite(array).all():
            raise ConfigError(f"{run}: its {name} has numbers beyond 65,504, which half precision cannot hold")
    return halved, {LOSSES: folder.losses.read_text()} if folder.losses.exists() else {}

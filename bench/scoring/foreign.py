"""A representation from elsewhere: arrays of a file, put in the store and scored like the codes of a trained run.

FILE.npz holds `codes` (N, D), `factors` (N, F) and optionally `logvar` (N, D), or a deviation or variance under a usual
name. The representation gets a run folder, with its name as the model, so that the score table lists it beside the
trained models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import data, registry
from bench.metrics.base import Ints, check_codes, check_factors
from bench.progress import say
from bench.scoring.codes import Codes, check_logvar
from bench.scoring.encoder_output import MEANS, SPREADS, log_variance
from bench.scoring.isolation import Scoring
from bench.scoring.runs import Cell
from bench.scoring.subjects import OfRun
from bench.store.configs import run_configs
from bench.store.files import StoreError, generator_of, read_arrays, sha256_of, write_arrays, write_json
from bench.store.folders import RunFolder, Store
from bench.store.npz import read_npz
from bench.study.given import GivenCodes
from bench.values import ConfigError, check_name

CODES = ("codes", *MEANS)
FACTORS = ("factors", "labels", "latents_classes")
SHOWN = 12  # names of arrays that a message lists


class LostCodesError(ValueError):
    """Codes that were given are not in the store any more, or damaged; the message says how to give them again."""


@dataclass(frozen=True)
class Representation:
    """Codes and factors of a file, and the member of a study that they become."""

    member: GivenCodes
    codes: Codes
    factors: Ints


def read(
    path: Path, name: str, dataset: str, seed: int, strength: int | None = None, value: float | None = None
) -> Representation:
    """Read and check a file and the name of its representation.

    Args:
        path: the .npz file.
        name: listed as its model.
        dataset: the data set whose factors these are, or "custom".
        seed: distinguishes several representations of one name.
        strength: strength index of their setting, if they have one.
        value: hyper-parameter of their setting, if they have one.

    Raises:
        ConfigError: the name is reserved, or an array is missing or invalid; the message names file and array.
        StoreError: the file cannot be read.
        UnknownNameError: no such data set.
    """
    _check_name(name)
    if dataset != data.CUSTOM and dataset not in data.names():
        raise registry.unknown("data set", dataset, [*data.names(), data.CUSTOM])
    arrays = _arrays(path)
    try:
        mean = check_codes(arrays["codes"], min_rows=2)
        factors = check_factors(arrays["factors"], len(mean))
        logvar = _logvar(arrays, mean.shape)
        _check_card(factors, dataset)
    except ValueError as fault:
        raise ConfigError(f"{path}: {fault}") from fault
    codes = Codes(mean, logvar, np.arange(len(mean)))  # with the precision of the file
    version = None if dataset == data.CUSTOM else data.card(dataset).version
    member = GivenCodes(name, seed, dataset, version, sha256_of(path), path.name, strength, value)
    return Representation(member, codes, factors)


def _check_name(name: str) -> None:
    check_name("name", name)
    if name in registry.names("models"):
        raise ConfigError(f"name={name} is a model of the suite: codes from elsewhere need a name of their own")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """`codes`, `factors` and arrays of the variance, from these names or their synonyms."""
    arrays, names_in_file = read_npz(path, {*CODES, *FACTORS, *SPREADS})
    used = {key: _only(names, names_in_file, path) for key, names in (("codes", CODES), ("factors", FACTORS))}
    if unused := [n for n in names_in_file if n not in (*used.values(), *SPREADS)]:
        say(f"{path}: not used: {_listed(unused)}")
    return {key: arrays[name] for key, name in used.items()} | {n: a for n, a in arrays.items() if n in SPREADS}


def _only(names: Sequence[str], names_in_file: Sequence[str], path: Path) -> str:
    """The name of an array in the file: the first of `names`, else the only other one that is present."""
    present = [name for name in names if name in names_in_file]
    if not present:
        raise ConfigError(f"{path} has no array {names[0]!r}, it holds {_listed(names_in_file)}")
    if len(present) > 1 and present[0] != names[0]:
        raise ConfigError(f"{path} holds {' and '.join(present)}: name the one that is meant {names[0]!r}")
    return present[0]


def _listed(names: Sequence[str]) -> str:
    """The first names in a file, safe to print."""
    shown = [name[:40] if name.isprintable() else ascii(name[:40]) for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(shown) + more or "nothing"


def _logvar(arrays: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> Any:
    spread = log_variance(arrays, "the file")
    if spread is None:
        return None
    logvar = check_codes(spread, "logvar")
    check_logvar(logvar, shape)
    return logvar


def _check_card(factors: Ints, dataset: str) -> None:
    if dataset == data.CUSTOM:
        return
    names, sizes = data.card(dataset).factor_names, data.card(dataset).factor_sizes
    if factors.shape[1] != len(names):
        constant = ", ".join(map(str, np.flatnonzero(np.ptp(factors, axis=0) == 0)))
        mend = f"; leave out column {constant}, which has a single value" if constant else ""
        raise ValueError(
            f"factors has {factors.shape[1]} columns, {dataset} has {len(names)}: {', '.join(names)}{mend}"
        )
    for name, size, most in zip(names, sizes, factors.max(axis=0), strict=True):
        if most >= size:
            raise ValueError(f"factors has the value {most} of {name}, which has {size} values in {dataset}")


def put(representation: Representation, store: Store) -> None:
    """Put a representation in the store, unless it is there already and can be read.

    Raises:
        ConfigError: other codes have its name, setting, data set and seed.
    """
    folder = store.run(representation.member.id)
    path = folder.codes(len(representation.factors))
    if folder.done.exists() and _can_be_read(path):
        return
    _check_free(representation.member, store)
    from bench.training.train import provenance

    codes, factors = representation.codes, representation.factors
    arrays: dict[str, NDArray[Any]] = {"mean": codes.mean, "index": codes.index, "factors": factors}
    if codes.logvar is not None:
        arrays["logvar"] = codes.logvar
    write_arrays(path, arrays)
    write_json(folder.config, representation.member.record())
    write_json(folder.done, provenance() | {"device": "none: codes were given", "seconds": 0.0})


def _can_be_read(path: Path) -> bool:
    try:
        return bool(read_arrays(path)[0])
    except StoreError:
        return False


def _check_free(member: GivenCodes, store: Store) -> None:
    for run_id, config in run_configs(store):
        names = (config["model"]["name"], config["dataset"]["name"], config["seed"])
        setting = (config["strength"], config["value"])
        same = (*names, *setting) == (member.model, member.dataset, member.seed, member.strength_index, member.value)
        if same and run_id != member.id:
            raise ConfigError(
                f"the store has other codes named {member.model}, of {member.dataset}, seed {member.seed} [{run_id}]: "
                "choose another name or seed"
            )


def of_codes(member: GivenCodes, cells: Sequence[Cell]) -> Scoring:
    """The scoring of cells of codes that are in the store."""
    names = data.factor_names(member.dataset)
    return Scoring((member.id,), str(member), tuple(cells), partial(pooled, member), names)


def pooled(member: GivenCodes, folders: Sequence[RunFolder], cells: Sequence[Cell]) -> OfRun:
    """The stored codes and factors to score: as many random rows as the protocol's pool, or all.

    Raises:
        LostCodesError: the codes are not in the store or cannot be read.
    """
    (folder,), size = folders, cells[0].pool
    files, mend = sorted(folder.path.glob("codes-*.safetensors")), f"give its file again: score codes={member.file}"
    if not files:
        raise LostCodesError(f"{folder.path} holds no codes of {member}; {mend}")
    try:
        arrays, _ = read_arrays(files[0])
    except StoreError as fault:
        raise LostCodesError(f"{fault}; {mend}") from fault
    rows = np.arange(len(arrays["mean"]))
    if size is not None and size < len(rows):
        rows = np.sort(generator_of(["pool", member.id, size]).choice(rows, size, replace=False))
    logvar = arrays["logvar"][rows] if "logvar" in arrays else None
    return OfRun(member.id, Codes(arrays["mean"][rows], logvar, rows), arrays["factors"][rows])

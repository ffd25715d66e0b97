"""A representation from elsewhere: the arrays of a file, put in the store and scored like the codes of a trained run.

FILE.npz holds `codes` (N, D), `factors` (N, F) and perhaps `logvar` (N, D). The representation gets a run folder of its
own, whose model is the name it is given, so that the score table shows it beside the trained models.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import data, registry
from bench.codes import Codes
from bench.given import GivenCodes
from bench.grid import ConfigError
from bench.metrics.base import Ints, check_codes, check_factors
from bench.scoring import Cell, cell_records, record_of, state
from bench.store import (
    RunFolder,
    Store,
    StoreError,
    digest,
    read_arrays,
    read_json,
    sha256_of,
    write_arrays,
    write_json,
)

LONGEST_NAME = 64
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")
ARRAYS = ("codes", "factors", "logvar")


@dataclass(frozen=True)
class Representation:
    """Codes and factors of a file, and which member of a study they are."""

    member: GivenCodes
    codes: Codes
    factors: Ints


def read(
    path: Path, name: str, dataset: str, seed: int, strength: int | None = None, value: float | None = None
) -> Representation:
    """Read and check a file, and what it is to be called.

    Args:
        path: the .npz file.
        name: the model it is listed as.
        dataset: the data set whose factors these are, or "custom".
        seed: told apart by it are several representations of one name.
        strength: index of their setting, if they have one.
        value: the hyper-parameter of their setting, if they have one.

    Raises:
        ConfigError: a name that cannot be had; arrays that are missing or wrong; the message names file and array.
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
    codes = Codes(mean, logvar, np.arange(len(mean)))  # as precise as they came
    version = None if dataset == data.CUSTOM else data.card(dataset).version
    member = GivenCodes(name, seed, dataset, version, sha256_of(path), path.name, strength, value)
    return Representation(member, codes, factors)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"name={name!r}: a name is 1 to {LONGEST_NAME} letters, digits, dots, dashes and underscores, and starts "
            "with a letter or a digit"
        )
    if name in registry.names("models"):
        raise ConfigError(f"name={name} is a model of the suite: codes from elsewhere need a name of their own")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ConfigError(f"{path} holds a single array, not an .npz of codes and factors")
        with file:
            arrays: dict[str, NDArray[Any]] = {n: file[n] for n in ARRAYS if n in file.files}
            held = ", ".join(file.files) or "nothing"
    except ConfigError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as fault:
        raise StoreError(f"cannot read {path}: {fault or type(fault).__name__}") from fault
    for name in ("codes", "factors"):
        if name not in arrays:
            raise ConfigError(f"{path} has no array {name!r}, it holds {held}")
    return arrays


def _logvar(arrays: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> Any:
    if "logvar" not in arrays:
        return None
    logvar = check_codes(arrays["logvar"], "logvar")
    if logvar.shape != shape:
        raise ValueError(f"logvar has shape {logvar.shape}, codes have {shape}")
    return logvar


def _check_card(factors: Ints, dataset: str) -> None:
    if dataset == data.CUSTOM:
        return
    names, sizes = data.card(dataset).factor_names, data.card(dataset).factor_sizes
    if factors.shape[1] != len(names):
        raise ValueError(f"factors has {factors.shape[1]} columns, {dataset} has {len(names)}: {', '.join(names)}")
    for name, size, most in zip(names, sizes, factors.max(axis=0), strict=True):
        if most >= size:
            raise ValueError(f"factors has the value {most} of {name}, which has {size} values in {dataset}")


def put(given: Representation, store: Store) -> None:
    """Put a representation in the store; one that is there stays as it is.

    Raises:
        ConfigError: other codes have its name, setting, data set and seed.
    """
    folder = store.run(given.member.id)
    if folder.done.exists():
        return
    _check_free(given.member, store)
    from bench.training.train import provenance

    arrays: dict[str, NDArray[Any]] = {"mean": given.codes.mean, "index": given.codes.index, "factors": given.factors}
    if given.codes.logvar is not None:
        arrays["logvar"] = given.codes.logvar
    write_arrays(folder.codes(len(given.factors)), arrays)
    write_json(folder.config, given.member.record())
    write_json(folder.done, provenance() | {"device": "none: codes were given", "seconds": 0.0})


def _check_free(member: GivenCodes, store: Store) -> None:
    for run_id in store.run_ids():
        config = read_json(store.run(run_id).config)
        names = (config["model"]["name"], config["dataset"]["name"], config["seed"])
        setting = (config["strength"], config["value"])
        same = (*names, *setting) == (member.model, member.dataset, member.seed, member.strength, member.value)
        if same and run_id != member.id:
            raise ConfigError(
                f"the store has other codes named {member.model}, of {member.dataset}, seed {member.seed} [{run_id}]: "
                "choose another name or seed"
            )


def load(member: GivenCodes, store: Store) -> Representation:
    """The codes and factors of a member, as they were put in the store.

    Raises:
        StoreError: they are not there or cannot be read.
    """
    folder = store.run(member.id)
    files = sorted(folder.path.glob("codes-*.safetensors"))
    if not files:
        raise StoreError(f"{folder.path} holds no codes of {member}: give its file again, score codes={member.file}")
    arrays, _ = read_arrays(files[0])
    return Representation(member, Codes(arrays["mean"], arrays.get("logvar"), arrays["index"]), arrays["factors"])


def missing(wanted: Sequence[Cell], folder: RunFolder) -> list[Cell]:
    """The cells that a representation lacks, those that failed before among them."""
    records = cell_records(folder)
    return [cell for cell in wanted if state(records.get(cell.key)) in ("missing", "failed")]


def score(given: Representation, wanted: Sequence[Cell], folder: RunFolder, told: Callable[[str], None]) -> None:
    """Compute cells of one protocol, each kept as soon as it is there.

    Args:
        given: whose they are.
        wanted: the cells.
        folder: of the representation.
        told: hears the metric of each cell that was computed.
    """
    codes, factors = _pooled(given, wanted[0].pool)
    for cell in wanted:
        record = record_of(cell, codes, factors, given.member.id)
        write_json(folder.scores(digest([cell.key])), {"run": given.member.id, "cells": [record]})
        told(cell.metric)


def _pooled(given: Representation, size: int | None) -> tuple[Codes, Ints]:
    """The rows that are scored: as many random ones as the protocol encodes of a data set, or all."""
    rows = given.codes.index
    if size is not None and size < len(rows):
        rng = np.random.default_rng(int(digest(["pool", given.member.id, size]), 16))
        rows = np.sort(rng.choice(rows, size, replace=False))
    logvar = None if given.codes.logvar is None else given.codes.logvar[rows]
    return Codes(given.codes.mean[rows], logvar, rows), given.factors[rows]

"""Writers that are killed, that are many, that find the disk full: nothing is lost, torn or done twice."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.store.claims import claiming
from bench.store.files import StoreError, digest
from bench.store.folders import Store
from bench.table import compact
from bench.table.scores import scores

WRITER = """
import json, sys
import numpy as np
from bench.store.claims import claiming
from bench.store.files import StoreError, digest, read_arrays, write_arrays, write_json
from bench.store.folders import Store

store, runs = Store(sys.argv[1]), sys.argv[2].split(",")
print("started", flush=True)
try:
    for name in runs:
        folder = store.run(name)
        with claiming([folder]) as (claim,):
            if claim is None or folder.score_files():
                continue
            seed = int(digest(name), 16)
            if folder.state() != "done":
                write_json(folder.config, json.loads(sys.argv[3])[name])
                write_arrays(folder.weights, {"w": np.random.default_rng(seed).normal(size=9_000)})
                write_json(folder.done, {"device": "cpu", "seconds": 1.0, "versions": {}})
                print("trained", name, flush=True)
            values = {"mig": float(read_arrays(folder.weights)[0]["w"].sum())}
            cell = {"key": "k", "metric": "mig", "version": 1, "representation": "mean", "seconds": 1.0}
            write_json(folder.scores("k"), {"cells": [cell | {"values": values, "rows": {}}]})
            print("scored", name, flush=True)
except StoreError as fault:
    sys.exit(f"StoreError: {fault}")
"""


def write(path: Path, runs: list[str]) -> "subprocess.Popen[str]":
    """A process that does what training and scoring do to a store, in little time."""
    words = [sys.executable, "-c", WRITER, str(path), ",".join(runs), json.dumps(CONFIGS)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def config(seed: int) -> dict[str, Any]:
    parts = {"model": {"name": "m", "version": 1, "hyper": {}}, "dataset": {"name": "dsprites", "version": 1}}
    hashed = parts | {"seed": seed}
    return hashed | {"id": digest(hashed), "strength": 0, "value": 1.0, "schedule_label": "s"}


CONFIGS = {str(c["id"]): c for c in sorted(map(config, range(40)), key=lambda c: str(c["id"]))}


def names(count: int) -> list[str]:
    return list(CONFIGS)[:count]


def table(path: Path) -> pd.DataFrame:
    return scores(results_dir=path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("undisturbed")
    write(path, names(40)).communicate()
    found = table(path)
    assert len(found) == 40
    return found


def test_kills_at_random_moments_leave_a_store_that_is_finished_bit_for_bit(
    tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    moments = random.Random(0)
    for _ in range(8):
        process = write(tmp_path, names(40))
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(moments.randrange(12)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.005))  # somewhere within a file
        process.kill()
        process.wait()
        table(tmp_path)  # what there is can be read at any time
    write(tmp_path, names(40)).communicate()
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed, check_exact=True)


def test_eight_writers_of_one_store_do_each_run_once_and_lose_none(
    tmp_path: Path, undisturbed: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "WORTHWHILE", 1)
    writers = [write(tmp_path, names(40)) for _ in range(8)]
    reader = Store(tmp_path, writable=True)
    while any(writer.poll() is None for writer in writers):
        compact.contents(reader)
        assert not table(tmp_path)["run"].duplicated().any()  # a reader that keeps a copy meanwhile
    told = [writer.communicate() for writer in writers]
    assert [error for _, error in told] == [""] * 8
    done = [line for output, _ in told for line in output.splitlines() if line != "started"]
    assert sorted(done) == sorted(f"{verb} {name}" for verb in ("scored", "trained") for name in names(40))
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed, check_exact=True)
    assert not [p for p in tmp_path.rglob(".*") if p.is_file()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no small disk can be mounted: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_named_and_what_is_there_stays_and_the_rest_follows_when_there_is_space(
    small_disk: Path, undisturbed: pd.DataFrame
) -> None:
    _, error = write(small_disk, names(40)).communicate()
    assert "StoreError: cannot write" in error
    assert "No space left on device" in error
    before = table(small_disk)
    assert 0 < len(before) < 40
    assert not list(small_disk.rglob(".*.safetensors*"))  # what was half-written is gone
    pd.testing.assert_frame_equal(
        before[["run", "score"]].astype({"run": "str"}),
        undisturbed[["run", "score"]].astype({"run": "str"})[: len(before)],
    )
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    assert write(small_disk, names(40)).communicate()[1] == ""
    pd.testing.assert_frame_equal(table(small_disk), undisturbed, check_exact=True)
    assert Store(small_disk).listings().keys() == set(names(40))


def test_a_disk_that_is_full_already_is_named_with_the_folder_that_it_lacks(small_disk: Path) -> None:
    (small_disk / "results").mkdir()
    (small_disk / "filler").write_bytes(bytes(2**20 - 4096))  # what is left holds folders, which take no space here
    (small_disk / "last").write_bytes(bytes(4096))
    folder = Store(small_disk / "results").run("r")
    with pytest.raises(StoreError, match=f"cannot write {folder.path}: No space left"), claiming([folder]):
        pass
    assert os.listdir(folder.path) == []

"""Whatever a metric does when it is scored costs its own cell alone, and is recorded with its name."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.launch import local
from bench.pool import Here, Pool
from bench.scoring.codes import Codes
from bench.scoring.isolation import Scoring, score_all
from bench.scoring.runs import Cell, cell_records, cells
from bench.scoring.subjects import OfRun
from bench.store.claims import claiming
from bench.store.files import write_json
from bench.store.folders import RunFolder, Store
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of
from bench.study.run import Frozen, Run, Schedule
from bench.table.ledger import ledger
from bench.values import ConfigError

pytestmark = pytest.mark.long  # left out of `make check`

MEMBERS = [GivenCodes("m", seed, "custom", None, "ab" * 32, "a.npz") for seed in range(2)]
RUNS = [member.id for member in MEMBERS]
METRICS = """
import ctypes, os, signal, sys
import numpy as np
from bench.metrics.base import Score, SkippedError, metric

class Whim(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")

def bad(function):
    return metric(version=1, reads="points", scores={"own": Score(0, 1)}, paper="", min_factors=1)(function)

def deep(n):
    return deep(n + 1)

def stop(error):
    raise error
"""
RETURNED = {
    "a_nan": ("{'own': float('nan')}", "a_nan returned own = nan, not a finite number"),
    "an_infinity": ("{'own': np.float32('-inf')}", "an_infinity returned own = -inf, not a finite number"),
    "a_large_number": ("{'own': 7.0}", "a_large_number returned own = 7, outside its declared range 0..1"),
    "an_endless_number": ("{'own': 10**400}", "not a finite number"),
    "text": ("{'own': '0.5'}", "text returned own = '0.5', not a finite number"),
    "nothing_of_it": ("{'own': None}", "returned own = None, not a finite number"),
    "a_truth": ("{'own': True}", "returned own = True, not a finite number"),
    "an_array": ("{'own': np.zeros(3)}", "an_array returned own = array([0., 0., 0.]), not a finite number"),
    "another_name": ("{'other': 0.5}", "another_name returned 'other', which it does not declare; it declares own"),
    "a_factor_too_many": ("{'own/99': 0.5}", "returned 'own/99', and there are 2 factors, counted from 0"),
    "no_factor": ("{'own/first': 0.5}", "returned a score named 'own/first'; a name is one it declares, or NAME/3"),
    "half_a_name": ("{'own/1/2': 0.5}", "returned a score named 'own/1/2'"),
    "a_number_as_name": ("{3: 0.5}", "returned a score named 3"),
    "a_list": ("[0.5]", "a_list returned [0.5], not a dict of score names to numbers"),
    "none": ("None", "none returned None, not a dict of score names to numbers"),
    "empty": ("{}", "empty returned no score; where it does not apply it is to raise SkippedError"),
    "an_error": ("stop(ValueError('no'))", "ValueError: no"),
    "an_exit": ("sys.exit(3)", "SystemExit: 3"),
    "an_interrupt": ("stop(KeyboardInterrupt())", "KeyboardInterrupt"),
    "a_whim": ("stop(Whim('so'))", "Whim: so"),
    "a_mute": ("stop(Mute())", "Mute, which cannot be written"),
    "a_surrogate": ("stop(ValueError(chr(0xd800)))", r"ValueError: \ud800"),
    "a_recursion": ("deep(0)", "RecursionError: maximum recursion depth exceeded"),
    "a_shortage": ("stop(MemoryError())", "MemoryError"),
    "a_huge_array": ("np.zeros((10**9, 10**9))", "MemoryError"),
}
ENDED = {
    "a_crash": ("ctypes.string_at(0)", "a_crash: its process was ended by SIGSEGV"),
    "a_quiet_exit": ("os._exit(0)", "a_quiet_exit: its process ended itself with exit code 0"),
    "a_kill": ("os.kill(os.getpid(), 9)", "a_kill: its process was ended by SIGKILL, for a lack of memory perhaps"),
    "a_loop": ("[None for _ in iter(int, 1)]", "a_loop: it took longer than 2 s"),
}
GOOD = {
    "a_skip": ("stop(SkippedError('it has no opinion'))", ""),
    "a_rounding": ("{'own': 1 + 1e-9, 'own/1': np.float32(0.5)}", ""),
    "a_tyrant": ("(np.seterr(all='raise'), {'own': 0.5})[1]", ""),
    "a_victim": ("{'own': float(np.geterr()['under'] == 'ignore')}", ""),  # of what the tyrant set
}
ASKED = {"a_request": ("os.kill(os.getpid(), signal.SIGTERM)", "")}  # as by a cluster that wants its node
KNOWN = ["active_dims", *RETURNED, *ENDED, *GOOD, "mig"]
RNG = np.random.default_rng(0)
FACTORS = RNG.integers(3, size=(300, 2))


def given(folders: Sequence[RunFolder], wanted: Sequence[Cell]) -> OfRun:
    """Codes and factors, made up where a worker asks for them."""
    return OfRun(folders[0].path.name, Codes(FACTORS.astype(np.float32), None, np.arange(len(FACTORS))), FACTORS)


def worn(folders: Sequence[RunFolder], wanted: Sequence[Cell]) -> OfRun:
    raise ValueError("no codes")


def fatal(folders: Sequence[RunFolder], wanted: Sequence[Cell]) -> OfRun:
    os._exit(4)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store; the metrics above are plug-ins of another distribution, here and in workers."""
    outcomes = RETURNED | ENDED | GOOD | ASKED
    text = METRICS + "".join(
        f"\n@bad\ndef {n}(codes, factors):\n    return {does}\n" for n, (does, _) in outcomes.items()
    )
    (tmp_path / "hostile.py").write_text(text)
    info = tmp_path / "hostile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\n" + "".join(f"{n} = hostile:{n}\n" for n in outcomes))
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.modules.cache_clear()
    yield Store(tmp_path / "results", writable=True)
    registry.modules.cache_clear()


def protocol(**changed: Any) -> Protocol:
    return Protocol(**{"name": "p", "pool": None, "num_points": None, "num_train": None, "num_test": None,
                       "representations": ("mean",), "also_sampled": (), "options": {}} | changed)  # fmt: skip


def score(
    store: Store, metrics: Sequence[str], pool: Pool, read: Any = given, runs: int = 1
) -> list[tuple[float, str]]:
    """Score some runs; what is told of it."""
    told: list[tuple[float, str]] = []
    wanted = tuple(cells(metrics, protocol()))
    scorings = [Scoring((RUNS[i],), f"run {i}", wanted, read) for i in range(runs)]
    with pool:
        score_all(scorings, store, pool, 2.0, lambda *news: told.append(news))
    return told


def outcomes(store: Store, run: str = RUNS[0]) -> dict[str, dict[str, Any]]:
    """Metric -> its record."""
    return {r["metric"]: r for r in cell_records(store.run(run)).values()}


def test_every_misdeed_is_recorded_with_its_reason_and_costs_nothing_else(store: Store) -> None:
    told = score(store, KNOWN, Here())
    found = outcomes(store)
    assert {n: r["failed"] for n, r in found.items() if "failed" in r}.keys() == (RETURNED | ENDED).keys()
    for name, (_, reason) in (RETURNED | ENDED).items():
        assert reason in found[name]["failed"]
    assert found["active_dims"]["values"] == {"active_dims": 2.0}
    assert found["mig"]["values"]["mig"] > 0.9
    assert found["a_skip"]["skipped"] == "it has no opinion"
    assert found["a_rounding"]["values"] == {"own": 1 + 1e-9, "own/1": 0.5}
    assert found["a_victim"]["values"] == {"own": 1.0}
    assert sum(amount for amount, _ in told) == len(KNOWN)
    assert "FAILED run 0: a_crash: its process was ended by SIGSEGV" in [note for _, note in told]


def test_what_is_written_can_be_read_and_is_one_file_unless_a_process_ended(store: Store) -> None:
    for member in MEMBERS:
        write_json(store.run(member.id).config, member.record())
        write_json(store.run(member.id).done, {"device": "cpu", "seconds": 1.0, "versions": {}})
    score(store, [*RETURNED, "mig"], Pool(2), runs=2)
    assert [len(store.run(run).score_files()) for run in RUNS] == [1, 1]
    score(store, ["active_dims", "a_quiet_exit", "modularity"], Pool(2), runs=2)
    known = ledger(store)
    assert not known.damaged
    good = {cell.key for cell in cells(["mig", "active_dims", "modularity"], protocol())}
    assert [{k for k, s in known.cells[run].items() if s == "done"} for run in RUNS] == [good, good]
    assert {metric for *_, metric, _ in known.failures} == {*RETURNED, "a_quiet_exit"}


def test_what_is_there_is_not_computed_again_and_what_failed_is(store: Store) -> None:
    score(store, ["mig", "a_nan"], Here())
    told = score(store, ["mig", "a_nan", "modularity"], Here())
    assert [note for amount, note in told if amount] == ["FAILED run 0: a_nan", "run 0"]


def test_a_run_that_another_process_works_on_is_left_to_it(store: Store) -> None:
    with claiming([store.run(RUNS[0])]):
        assert score(store, ["mig"], Here()) == []
    assert not store.run(RUNS[0]).score_files()


def test_a_process_that_is_asked_to_end_blames_no_metric_and_leaves_the_rest_for_later(store: Store) -> None:
    told = score(store, ["mig", "a_request", "modularity"], Here())
    assert told[-1] == (2, "FAILED run 0: a_request: its process was ended by SIGTERM")
    assert outcomes(store).keys() == {"mig"}


def test_codes_that_cannot_be_had_are_the_reason_of_every_cell(store: Store) -> None:
    score(store, ["mig", "modularity"], Here(), worn)
    assert {r["failed"] for r in outcomes(store).values()} == {"ValueError: no codes"}


def test_a_process_that_ends_before_any_cell_blames_no_metric(store: Store) -> None:
    told = score(store, ["mig", "modularity"], Here(), fatal)
    assert told == [(2, "FAILED run 0: its process ended itself with exit code 4")]
    assert not store.run(RUNS[0]).score_files()


def trained(store: Store, *seeds: int) -> tuple[Run, ...]:
    """Runs of some seeds, as if they were trained."""
    schedule = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
    runs = tuple(Run("pca", 1, True, Frozen(), None, None, None, k, "dsprites", 1, schedule) for k in seeds)
    for run in runs:
        write_json(store.run(run.id).config, run.record())
        write_json(store.run(run.id).done, {"device": "cpu", "seconds": 1.0, "versions": {}})
    return runs


def test_a_run_that_is_trained_while_others_are_scored_is_scored_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,), passes = trained(store, 0), []
    second = replace(first, seed=1)

    def scoring(scorings: Sequence[Scoring], *rest: Any) -> None:
        passes.append([run for scoring in scorings for run in scoring.runs])
        trained(store, 1)  # by another process

    monkeypatch.setattr(local, "score_all", scoring)
    plan = Plan("tiny", "Tiny", (first, second), ("mig", "sap"), protocol())
    local.score(plan, store, Here(), {"retry_failed": True})
    assert passes == [[first.id], [second.id]]  # cells that stay missing are not tried again


def test_a_study_is_scored_under_the_limit_of_its_protocol(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = trained(store, 0)
    seen: list[Any] = []
    monkeypatch.setattr(local, "score_all", lambda scorings, *rest: seen.extend([scorings, rest[2]]))
    plan = Plan("tiny", "Tiny", (run,), ("mig", "sap"), protocol(timeout=7))
    local.score(plan, store, Here(), {"retry_failed": False})
    ((scoring,), seconds) = seen
    assert (scoring.runs, scoring.cells) == ((run.id,), tuple(cells(["mig", "sap"], protocol())))
    assert seconds == 7


def test_the_limit_of_a_cell_is_in_no_key_and_must_be_a_time() -> None:
    assert cells(["mig"], protocol()) == cells(["mig"], protocol(timeout=5.0))
    entry = vars(protocol()) | {"timeout": 3}
    assert protocol_of(entry).timeout == 3
    assert protocol_of({k: v for k, v in entry.items() if k != "timeout"}).timeout is None
    for wrong in (0, -1, "soon", True, float("nan")):
        with pytest.raises(ConfigError, match=r"scoring\.timeout must be a positive number, got"):
            protocol_of(entry | {"timeout": wrong})

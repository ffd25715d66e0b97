"""How kernels are launched is measured once a card, among ways that write the same bits, and never changes a number."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.networks.parts import kernel_choices
from bench.networks.parts.kernel_choices import Choices, Gpu, Launch, Way

FIXED, FAST, FASTER = Way(128), Way(64), Way(64, 8)
OTHER_ORDER = Way(64, 2)  # adds in another order
WAYS = (FIXED, FAST, FASTER, OTHER_ORDER)
MILLISECONDS = {FIXED: 4.0, FAST: 3.0, FASTER: 2.0, OTHER_ORDER: 1.0}


class Doubling:
    """In place of a kernel: y = 2 x, by another rounding where the way adds in another order."""

    __name__ = "doubling"

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        def launched(x: torch.Tensor, y: torch.Tensor, batch: int, **constants: Any) -> None:
            y.copy_(2 * x)
            if constants["num_warps"] == OTHER_ORDER.warps:
                y.mul_(1 + 2**-23)

        return launched


class Stopwatch:
    """In place of a GPU: compiles and times as it is told."""

    def __init__(self, name: str = "a card, triton 3", times: dict[Way, float] | None = None) -> None:
        self.name, self.times = name, MILLISECONDS | (times or {})
        self.timed: list[Way] = []
        self.does_not_compile: set[Way] = set()
        self.does_not_run: set[Way] = set()
        self.records = False

    def recording(self) -> bool:
        return self.records

    def compiled(self, launch: Launch, ways: Sequence[Way], seconds: float) -> list[Way]:
        return [way for way in ways if way not in self.does_not_compile]

    def milliseconds(self, run: Any) -> float:
        (way,) = run.args
        self.timed.append(way)
        if way in self.does_not_run:
            raise RuntimeError("out of resource: shared memory")
        return self.times[way]


def doubling(batch: int = 4, ways: tuple[Way, ...] = WAYS) -> Launch:
    x = torch.ones(batch, 3)
    return Launch(Doubling(), (x, torch.zeros_like(x), batch), (1,), lambda rows: (batch // rows + 1,), ways)


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    (tmp_path / "kernels.py").write_text("def doubling(): ...")
    return [tmp_path / "kernels.py"]


def test_the_fastest_way_that_writes_the_same_bits_is_taken(tmp_path: Path, sources: list[Path]) -> None:
    card = Stopwatch()
    assert Choices(card, tmp_path, sources).way(doubling()) == FASTER
    assert card.timed == [FIXED, FAST, FASTER]  # the fourth writes other bits


def test_what_is_trained_is_neither_read_nor_written(tmp_path: Path, sources: list[Path]) -> None:
    launch = doubling()
    launch.arguments[0].fill_(torch.nan)  # on which every order gives the same
    assert Choices(Stopwatch(), tmp_path, sources).way(launch) == FASTER
    assert not launch.arguments[1].any()


def test_a_choice_is_kept_for_other_processes(tmp_path: Path, sources: list[Path]) -> None:
    Choices(Stopwatch(), tmp_path, sources).way(doubling())
    Choices(Stopwatch(), tmp_path, sources).way(doubling(batch=8))
    later = Stopwatch(times={FAST: 0.0})
    choices = Choices(later, tmp_path, sources)
    assert [choices.way(doubling(batch)) for batch in (4, 8)] == [FASTER, FASTER]
    assert later.timed == []
    assert json.loads(choices.file.read_text())["card"] == "a card, triton 3"


@pytest.mark.parametrize("changed", ["card", "versions", "kernels", "shape", "type"])
def test_something_else_is_measured_anew(tmp_path: Path, sources: list[Path], changed: str) -> None:
    Choices(Stopwatch(), tmp_path, sources).way(doubling())
    card = Stopwatch(
        {"card": "another card, triton 3", "versions": "a card, triton 4"}.get(changed, "a card, triton 3")
    )
    if changed == "kernels":
        sources[0].write_text("def doubling(): return 2")
    launch = doubling(batch=8 if changed == "shape" else 4)
    if changed == "type":
        launch = launch._replace(arguments=(*(t.bfloat16() for t in launch.arguments[:2]), 4))
    Choices(card, tmp_path, sources).way(launch)
    assert card.timed[0] == FIXED


def test_a_way_that_does_not_compile_or_run_is_passed_over(tmp_path: Path, sources: list[Path]) -> None:
    card = Stopwatch()
    card.does_not_compile, card.does_not_run = {FASTER}, {FAST}
    assert Choices(card, tmp_path, sources).way(doubling()) == FIXED


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"chosen": 3}', '{"chosen": {"NAME": "abc"}}', '{"chosen": {"NAME": [64, 2, 3, null, 1]}}',
     '{"chosen": {"NAME": [512, 4, 3, null]}}', '{"chosen": {"NAME": [[64], 8, 3, null]}}'],
)  # fmt: skip
def test_a_damaged_file_is_measured_again(tmp_path: Path, sources: list[Path], text: str) -> None:
    choices = Choices(card := Stopwatch(), tmp_path, sources)
    choices.file.write_text(text.replace("NAME", doubling().name))
    assert choices.way(doubling()) == FASTER
    assert card.timed[0] == FIXED
    assert Choices(Stopwatch(), tmp_path, sources)._kept() == {doubling().name: list(FASTER)}


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, sources: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    choices = Choices(Stopwatch(), tmp_path / "file", sources)
    assert [choices.way(doubling(batch)) for batch in (4, 8)] == [FASTER, FASTER]
    assert capsys.readouterr().err.count("measured in every process") == 1


def test_what_another_process_measures_is_launched_in_the_fixed_way(tmp_path: Path, sources: list[Path]) -> None:
    choices = Choices(card := Stopwatch(), tmp_path, sources)
    held = (
        "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    words = [sys.executable, "-c", held, str(choices.file.with_suffix(".lock"))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert choices.way(doubling()) == FIXED
        assert card.timed == []
        other.communicate(b"\n")
    assert choices.way(doubling()) == FASTER


def test_nothing_is_measured_while_a_graph_is_recorded(tmp_path: Path, sources: list[Path]) -> None:
    card = Stopwatch()
    choices = Choices(card, tmp_path, sources)
    card.records = True
    assert choices.way(doubling()) == FIXED
    card.records = False
    assert choices.way(doubling()) == FASTER
    card.records = True
    assert choices.way(doubling()) == FASTER


def test_a_process_measures_for_a_bounded_time(
    tmp_path: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    card = Stopwatch()

    def slow(launch: Launch, ways: Sequence[Way], seconds: float) -> list[Way]:
        nonlocal now
        now += kernel_choices.SECONDS + 1
        return list(ways)

    monkeypatch.setattr(card, "compiled", slow)
    choices = Choices(card, tmp_path, sources)
    assert [choices.way(doubling(batch)) for batch in (4, 8)] == [FIXED, FIXED]
    assert card.timed == [FIXED]
    assert not choices.file.exists()  # the next process goes on


def test_without_memory_for_a_trial_the_fixed_way_is_taken(
    tmp_path: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Launch) -> Launch:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Launch, "elsewhere", full)
    choices = Choices(Stopwatch(), tmp_path, sources)
    assert choices.way(doubling()) == FIXED
    assert not choices.file.exists()


def test_ways_are_compiled_side_by_side_and_those_that_fail_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    together = threading.Barrier(len(WAYS))

    def compiled(_: Launch, way: Way) -> None:
        together.wait(timeout=10)
        if way == FAST:
            raise RuntimeError("PassManager::run failed")

    monkeypatch.setattr(Launch, "compile", compiled)
    monkeypatch.setattr(os, "cpu_count", lambda: len(WAYS))
    card = object.__new__(Gpu)
    card.index = 0
    assert card.compiled(doubling(), WAYS, seconds=10) == [FIXED, FASTER, OTHER_ORDER]


def test_a_cpu_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_choices, "choices", None)
    launch = doubling()
    pytest.importorskip("triton", reason="which is not made for this platform")
    kernel_choices.start(launch, torch.device("cpu"))
    assert torch.equal(launch.arguments[1], torch.full((4, 3), 2.0))

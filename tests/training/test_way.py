"""The fastest way to convolve that a device runs, where a schedule leaves it to the device."""

from dataclasses import replace

import pytest
import torch

from bench.models.base import ModelError
from bench.study.run import Schedule
from bench.training import way

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)


@pytest.mark.parametrize(
    ("accelerator", "capability", "schedule", "chosen"),
    [
        ("cpu", (9, 0), SCHEDULE, ("grouped", 1)),
        ("cuda", (9, 0), SCHEDULE, ("triton", 32)),
        ("cuda", (7, 5), SCHEDULE, ("grouped", 1)),
        ("cuda", (9, 0), replace(SCHEDULE, convolution="grouped"), ("grouped", 1)),
        ("cuda", (9, 0), replace(SCHEDULE, stack=4), ("triton", 4)),
        ("cuda", (9, 0), replace(SCHEDULE, convolution="triton", fleet=6), ("triton", 6)),
        ("cpu", (9, 0), replace(SCHEDULE, convolution="matmul", stack=3), ("matmul", 3)),
    ],
)
def test_what_the_schedule_leaves_to_the_device_is_the_fastest_that_it_runs(
    monkeypatch: pytest.MonkeyPatch,
    accelerator: str,
    capability: tuple[int, int],
    schedule: Schedule,
    chosen: tuple[str, int],
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(way, "find_spec", lambda name: name)
    assert way.way_of(schedule, accelerator) == chosen


def test_gradients_of_gradients_are_those_of_the_librarys_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(way, "find_spec", lambda name: name)
    assert way.way_of(SCHEDULE, "cuda", second_order=True) == ("grouped", 1)
    assert way.way_of(replace(SCHEDULE, convolution="matmul"), "cuda", second_order=True) == ("matmul", 1)
    with pytest.raises(ModelError, match="triton lacks: set auto"):
        way.way_of(replace(SCHEDULE, convolution="triton"), "cuda", second_order=True)


def test_without_triton_convolutions_are_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(way, "find_spec", lambda name: None)
    assert way.way_of(SCHEDULE, "cuda") == ("grouped", 1)

"""Progress of long work and messages: a rich progress bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False)  # progress and messages
results = Console(highlight=False)  # the output that was requested
if not results.file.isatty():
    results.width = 140

EVERY_S = 15.0  # between two lines of a meter outside a terminal


class Meter:
    """Counts units of work under a title: `advance` as they get done, with a `note` on the current state.

    Args:
        title: what is being done.
        total: units of work in all.
        unit: what is counted.
        models: how many the work makes in all; their rate is shown.
    """

    def __init__(self, title: str, total: float, unit: str, models: int = 0) -> None:
        self.title, self.total, self.unit, self.models = title, total, unit, models
        self.done, self.started, self.printed = 0.0, time.monotonic(), time.monotonic()
        self.first: tuple[float, float] | None = None  # when the first work was done, and how much
        self.bar: Progress | None = None

    def __enter__(self) -> Self:
        if console.file.isatty():
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(self.unit),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[rate]}"),
                TextColumn("{task.fields[note]}", markup=False),  # run ids stand in brackets
                console=console,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, note="", rate="")
        else:
            say(f"{self.title}: {self.total:,.0f} {self.unit}")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()
        elif kind is None:
            say(f"{self.title}: {self.done:,.0f}/{self.total:,.0f} {self.unit} in {self._elapsed():.0f} s")

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Count work as done; outside a terminal a line appears every `EVERY_S` seconds at most."""
        self.done += amount
        if self.first is None and self.done > 0:
            self.first = time.monotonic(), self.done
        if self.bar is not None:
            self.bar.update(self.task, completed=int(self.done), note=note, rate=self._rate())
        elif time.monotonic() - self.printed > EVERY_S and self.done > 0:
            self.printed = time.monotonic()
            done = f"{self.title}: {self.done:,.0f}/{self.total:,.0f} {self.unit}"
            say(", ".join(part for part in (done, self._rate(), self._left(), note) if part))

    def _left(self) -> str:
        """The time that the rest takes, by what followed the first work: before it, libraries and data are loaded."""
        began, done = self.first or (0.0, 0.0)
        if self.done <= done:
            return ""
        return f"about {(time.monotonic() - began) / (self.done - done) * (self.total - self.done):.0f} s left"

    def _rate(self) -> str:
        """Units a second and models an hour so far."""
        if not self.models or self.done <= 0:
            return ""
        a_second = self.done / max(self._elapsed(), 1e-9)
        return f"{a_second:,.0f} {self.unit}/s, {3600 * a_second / self.total * self.models:,.0f} models/h"

    def _elapsed(self) -> float:
        return time.monotonic() - self.started


def say(text: str) -> None:
    """One line to the user."""
    console.print(text, markup=False, soft_wrap=True)


def show(text: str) -> None:
    """One line of the output that was requested."""
    results.print(text, markup=False, soft_wrap=True)


@cache
def say_once(text: str) -> None:
    """One line to the user, printed once a process."""
    say(text)


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Print the wall time of the block under a title."""
    started = time.monotonic()
    yield
    say(f"{title}: {time.monotonic() - started:.0f} s")

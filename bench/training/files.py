"""The files that training writes into a run's folder beside the weights: its checkpoint and its losses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.store.files import StoreError, read_arrays, write_arrays, writing
from bench.training.stack import Progress


def write_checkpoint(path: Path, progress: Progress) -> None:
    """Write a member's progress whole.

    Raises:
        StoreError: it cannot be written; the previous checkpoint is intact.
    """
    write_arrays(path, progress.arrays, {"step": str(progress.step)})


def read_checkpoint(path: Path, steps: int) -> Progress:
    """The progress of a run of so many steps.

    Raises:
        StoreError: the file cannot be read, or tells of no step of the run.
    """
    arrays, notes = read_arrays(path)
    step = notes.get("step", "")
    if not (step.isdecimal() and int(step) <= steps):
        raise StoreError(f"its step is {step!r}, and the run has {steps:,}")
    return Progress(int(step), arrays)


def write_losses(path: Path, columns: Sequence[str], losses: NDArray[Any]) -> None:
    """Write a member's recorded losses, (records, 1 + number of columns), the step first."""
    with writing(path) as file:
        file.write(("step," + ",".join(columns) + "\n").encode())
        for step, *row in losses:
            file.write((f"{step:.0f}," + ",".join(f"{v:.6g}" for v in row) + "\n").encode())

"""The checkpoint of a run that is being trained: its progress in a file of the run's folder."""

from pathlib import Path

from bench.store.files import StoreError, read_arrays, write_arrays
from bench.training.stack import Progress


def write(path: Path, progress: Progress) -> None:
    """Write a member's progress whole.

    Raises:
        StoreError: it cannot be written; the previous checkpoint is intact.
    """
    write_arrays(path, progress.arrays, {"step": str(progress.step)})


def read(path: Path, steps: int) -> Progress:
    """The progress of a run of so many steps.

    Raises:
        StoreError: the file cannot be read, or tells of no step of the run.
    """
    arrays, notes = read_arrays(path)
    step = notes.get("step", "")
    if not (step.isdecimal() and int(step) <= steps):
        raise StoreError(f"its step is {step!r}, and the run has {steps:,}")
    return Progress(int(step), arrays)

"""The commands of the device programme: their processes, and how fast one of them is by its log."""

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Job:
    """A command, its log and its process."""

    name: str
    words: Sequence[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Begin, or begin again."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=subprocess.STDOUT)

    @property
    def ended(self) -> int | None:
        """The exit status, or None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def steps(self) -> tuple[int, int]:
        """Model-steps by its log: done, and in all."""
        counts = re.findall(r"train: ([\d,]+)/([\d,]+)", self.log.read_text(errors="replace"))
        return (int(counts[-1][0].replace(",", "")), int(counts[-1][1].replace(",", ""))) if counts else (0, 0)

    def stop(self) -> None:
        """End it, as ctrl-C would, then for good."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


@dataclass
class Speed:
    """Steps against time between two lines of a log, which speaks now and then."""

    seconds: float = 0.0
    steps: int = 0
    left_to_do: int = 0
    decided: bool = False
    seen: int = -1  # the last line's
    first: tuple[float, int] | None = None

    def see(self, done: int, total: int) -> None:
        """What the log says now."""
        if done == self.seen:
            return
        now, begun = time.monotonic(), self.seen >= 0
        self.seen, self.left_to_do = done, total - done
        if not begun:  # this line may be old: the clock starts at the next
            return
        self.first = self.first or (now, done)
        self.seconds, self.steps = now - self.first[0], done - self.first[1]

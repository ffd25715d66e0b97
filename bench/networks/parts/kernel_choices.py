"""How a kernel is launched (rows, warps, stages): measured once on the card at hand, and kept in a file.

A run's weights must not depend on what a noisy timer chose. So only what leaves the order of additions alone may differ
between the ways of one launch (`convolution_kernels` says what does: rows that are places of an output, warps, stages
and whether taps are looped over; never the rows that are summed over, nor the parts that share such a sum), and a way
counts only where every bit that it writes of random numbers is what the first, fixed way writes.

Measured is at the first launch for given shapes, before an update is recorded as a graph: the ways are compiled side by
side and timed by CUDA events, each by the median of its launches. A process spends at most `SECONDS` on it. What it has
no time for, what does not compile and what another process is measuring is launched in the first way: with the same
results. The file, `kernels/CARD.json` in the folder of downloads, may be deleted.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from bench.progress import say
from bench.store.files import StoreError, read_json, write_json
from bench.store.shipped import downloads_dir

SECONDS = 30.0  # that a process measures at most, compilation included, of the fixed ways as well
COMPILED_AT_ONCE = 8
TIMED_MS, WARM_UP_MS = 6, 2  # of one way


class Way(NamedTuple):
    """How a kernel is launched.

    Attributes:
        rows: places that a program takes at once.
        warps: of a program.
        stages: loads that are under way at once, in a kernel that loops.
        looped: of a kernel that can do both, whether it loops over taps or has them unrolled.
    """

    rows: int
    warps: int = 4
    stages: int = 3
    looped: bool | None = None

    def constants(self) -> dict[str, Any]:
        """Arguments of the kernel, and of its compiler."""
        looped = {} if self.looped is None else {"LOOPED": self.looped}
        return {"BLOCK": self.rows, "num_warps": self.warps, "num_stages": self.stages, **looped}


class Launch(NamedTuple):
    """A kernel, and what it is launched on.

    Attributes:
        kernel: of Triton.
        arguments: tensors and numbers in the kernel's order, but for the constants that a way gives.
        written: which of the arguments it writes, every element.
        grid: programs along each axis, of the rows that one takes.
        ways: the fixed one first, then those that may be faster.
    """

    kernel: Any
    arguments: tuple[Any, ...]
    written: tuple[int, ...]
    grid: Callable[[int], tuple[int, ...]]
    ways: tuple[Way, ...]

    @property
    def name(self) -> str:
        """The kernel, the types of its tensors, and all numbers: what a measurement is for."""
        words = [str(a.dtype).removeprefix("torch.") if isinstance(a, Tensor) else str(a) for a in self.arguments]
        return f"{self.kernel.__name__} {' '.join(words)} in {self.ways[0].rows} rows"

    def run(self, way: Way) -> None:
        """Launch it."""
        self.kernel[self.grid(way.rows)](*self.arguments, **way.constants())

    def compile(self, way: Way) -> None:
        """Compile it, without a launch."""
        self.kernel.warmup(*self.arguments, grid=self.grid(way.rows), **way.constants())

    def outputs(self) -> list[Tensor]:
        """The tensors that it writes."""
        return [self.arguments[i] for i in self.written]

    def elsewhere(self) -> "Launch":
        """The same launch of random numbers, on tensors of its own."""
        copies: dict[int, Tensor] = {}
        for i, tensor in enumerate(self.arguments):
            if isinstance(tensor, Tensor) and id(tensor) not in copies:
                generator = torch.Generator(tensor.device).manual_seed(i)
                random = torch.randn(tensor.shape, generator=generator, device=tensor.device)
                copies[id(tensor)] = random.to(tensor.dtype)
        arguments = tuple(copies[id(a)] if isinstance(a, Tensor) else a for a in self.arguments)
        return self._replace(arguments=arguments)


class Card(Protocol):
    """What measures."""

    @property
    def name(self) -> str:
        """The device, and the versions of what compiles: what a measurement holds for."""

    def recording(self) -> bool:
        """Whether launches are recorded as a graph now, so that nothing can be timed."""

    def compiled(self, launch: Launch, ways: Sequence[Way], seconds: float) -> list[Way]:
        """Those of the ways that compile, within that many seconds."""

    def milliseconds(self, run: Callable[[], None]) -> float:
        """Of one call: the median of many."""


class Gpu:
    """A CUDA device.

    Args:
        index: the framework's.
    """

    def __init__(self, index: int) -> None:
        import triton

        self.index = index
        self.name = f"{torch.cuda.get_device_name(index)}, triton {triton.__version__}, torch {torch.__version__}"

    def recording(self) -> bool:
        return torch.cuda.is_current_stream_capturing()

    def compiled(self, launch: Launch, ways: Sequence[Way], seconds: float) -> list[Way]:
        threads = min(COMPILED_AT_ONCE, os.cpu_count() or 1)
        pool = ThreadPoolExecutor(threads, initializer=torch.cuda.set_device, initargs=(self.index,))
        begun = {pool.submit(launch.compile, way): way for way in ways}
        done = wait(begun, seconds).done
        pool.shutdown(wait=False, cancel_futures=True)
        return [way for future, way in begun.items() if future in done and future.exception() is None]

    def milliseconds(self, run: Callable[[], None]) -> float:
        from triton.testing import do_bench

        return float(do_bench(run, warmup=WARM_UP_MS, rep=TIMED_MS, return_mode="median"))


class Choices:
    """The ways that were chosen on one card.

    Args:
        card: the one at hand.
        folder: of the files that keep choices, one a card and versions.
        sources: of the kernels and their launches, whose text choices hold for.
    """

    def __init__(self, card: Card, folder: Path, sources: Sequence[Path]) -> None:
        self.card = card
        texts = b"".join(source.read_bytes() for source in sources)
        self.about = {"card": card.name, "kernels": hashlib.blake2b(texts, digest_size=8).hexdigest()}
        plain = "".join(c if c.isalnum() else "-" for c in card.name.partition(",")[0])
        of_this = hashlib.blake2b(json.dumps(self.about).encode(), digest_size=4).hexdigest()
        self.file = folder / f"{plain}-{of_this}.json"
        self.chosen: dict[str, Way] = {}
        self.left = SECONDS
        self.warned = False

    def way(self, launch: Launch) -> Way:
        """The way of a launch; it is measured now where that was not done before and can be."""
        name = launch.name
        if name not in self.chosen and len(launch.ways) > 1 and not self.card.recording():
            kept = self._kept().get(name)
            known = [way for way in launch.ways if list(way) == kept]
            if known:
                self.chosen[name] = known[0]
            elif self.left > 0:
                self._measure(name, launch)
        return self.chosen.get(name, launch.ways[0])

    def _kept(self) -> dict[str, Any]:
        """What the file says, by name; nothing where it is missing or damaged."""
        try:
            chosen = read_json(self.file)["chosen"]
        except (StoreError, KeyError, TypeError):
            return {}
        return chosen if isinstance(chosen, dict) else {}

    def _measure(self, name: str, launch: Launch) -> None:
        began = time.monotonic()
        with self._alone(name) as alone:
            if not alone:
                return
            try:
                way, complete = self._fastest(launch)
            except torch.OutOfMemoryError:  # beside what is trained there is no room for copies
                way, complete = launch.ways[0], False
            self.chosen[name] = way
            self.left -= time.monotonic() - began
            if complete:
                self._keep(name, way)

    def _fastest(self, launch: Launch) -> tuple[Way, bool]:
        """The fastest way, and whether there was time for all."""
        until = time.monotonic() + self.left
        first = launch.ways[0]
        trial = launch.elsewhere()
        compiled = self.card.compiled(trial, launch.ways, self.left)
        expected = _written(trial, first)
        times = {first: self.card.milliseconds(partial(trial.run, first))}
        for way in compiled:
            if way == first or time.monotonic() > until:
                continue
            try:
                if all(map(_same_bits, _written(trial, way), expected)):
                    times[way] = self.card.milliseconds(partial(trial.run, way))
            except torch.OutOfMemoryError:
                raise
            except Exception:  # such as more shared memory than the card has, which the launch finds out
                continue
        return min(times, key=times.__getitem__), time.monotonic() < until

    def _keep(self, name: str, way: Way) -> None:
        try:
            write_json(self.file, self.about | {"chosen": self._kept() | {name: list(way)}})
        except StoreError as fault:
            if not self.warned:
                say(f"how kernels run best on this card is measured in every process: {fault}")
            self.warned = True

    @contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        """Whether no other process measures this launch now; a folder without locks has one of them measure as well."""
        place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest()) // 2
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            lock = self.file.with_suffix(".lock").open("ab")
        except OSError:
            yield True
            return
        with lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except BlockingIOError:
                yield False
                return
            except OSError:
                pass
            yield True


def start(launch: Launch, device: torch.device) -> None:
    """Launch a kernel: on a GPU in the way that was the fastest there, in Triton's interpreter in the first."""
    from triton import JITFunction

    measured = device.type == "cuda" and isinstance(launch.kernel, JITFunction)
    launch.run(choices(device.index).way(launch) if measured else launch.ways[0])


@cache
def choices(index: int) -> Choices:
    """Of a CUDA device."""
    sources = [Path(__file__).with_name(f"{name}.py") for name in ("convolution_kernels", "triton_convolutions")]
    return Choices(Gpu(index), downloads_dir() / "kernels", sources)


def _written(launch: Launch, way: Way) -> list[Tensor]:
    """What a launch writes; what it leaves out is NaN."""
    for tensor in launch.outputs():
        tensor.fill_(torch.nan)
    launch.run(way)
    return [tensor.clone() for tensor in launch.outputs()]


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.view(torch.uint8), b.view(torch.uint8))

"""A device programme for machines lent by the minute: the next models that the reference table wants, and nothing else.

python -m benchmarks.device_programme --out DIR --work FOLDER [--minutes 14] [--wait 580] [--device cuda|cpu]

The first call starts the work in a process of its own, which outlasts the call; the same call again finds it, waits up
to `--wait` seconds for four packed stores or the end, and takes them. `--minutes` counts from the latest call. All jobs
run side by side on the one device:

1. the kernels' tests: where one fails, everything stops, for nothing could be trusted;
2. the reference grid: six models x six strengths x ten seeds on two data sets, 10,000 steps at 32x32 px, a model and
   data set as one stack of 60;
3. a group of the study `full`: one model, six strengths x two seeds as one stack of 12, 300,000 steps. Once the grid is
   done its speed is measured, and where twelve cannot end in time six go on from where they stand.

What a call leaves in DIR is at most 4 packed stores of at most 16 MB each (unpack them into a results folder; weights
of the grid are rounded to half precision and say so in done.json) and logs.tar.gz, with the watts drawn. Scores are
computed afterwards on any CPU. `--device cpu` is the dry run: the same code with few steps and small networks.
"""

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

MODELS = ("beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii")
DATASETS = ("dsprites", "noisy_dsprites")
TESTS = ("tests/training/test_fleet_on_gpu.py", "-k", "kernels or stack or poisoned")
PACKED_BYTES, PACKED_A_CALL = 15_500_000, 4
LAST_SECONDS = 25  # before the end, in which what is finished is packed
MEASURED_SECONDS = 20
POLL_SECONDS = 0.5
SAVED_EVERY = 50_000  # updates of the full-length group


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

    def steps(self) -> int:
        """Model-steps that its log tells of."""
        reached = re.findall(r"train: ([\d,]+)/", self.log.read_text(errors="replace"))
        return int(reached[-1].replace(",", "")) if reached else 0

    def stop(self) -> None:
        """End it, as ctrl-C would, then for good."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def main() -> None:
    """Start the work unless it runs, wait, take what is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--wait", type=float, default=580)
    parser.add_argument("--full", default="beta_tcvae")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if chosen.worker:
        Programme(chosen.work, chosen.device, chosen.full).run()
        return
    until = time.monotonic() + chosen.wait
    (chosen.work / "end").write_text(str(time.monotonic() + 60 * chosen.minutes - LAST_SECONDS))
    if not (chosen.work / "begun").exists():
        (chosen.work / "begun").touch()
        with (chosen.work / "worker.txt").open("ab") as log:
            words = [sys.executable, "-m", "benchmarks.device_programme", "--worker", *sys.argv[1:]]
            subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    packed = chosen.work / "packed"
    waiting: list[Path] = []
    while time.monotonic() < until and len(waiting) < PACKED_A_CALL and not (chosen.work / "ended").exists():
        time.sleep(POLL_SECONDS)
        waiting = sorted(packed.glob("*.tar"))
    chosen.out.mkdir(parents=True, exist_ok=True)
    waiting = sorted(packed.glob("*.tar"))
    for file in waiting[:PACKED_A_CALL]:
        shutil.copy(file, chosen.out / file.name)
        file.rename(file.with_suffix(".taken"))
    with tarfile.open(chosen.out / "logs.tar.gz", "w:gz") as logs:
        for file in sorted([*chosen.work.glob("*.txt"), *chosen.work.glob("*.csv")]):
            logs.add(file, file.name)
    print((chosen.work / "worker.txt").read_text()[-6000:])
    print(f"{max(0, len(waiting) - PACKED_A_CALL)} packed stores are still to be taken")
    print("ended" if (chosen.work / "ended").exists() else "running")


class Programme:
    """The work: its jobs, its clock, what is packed.

    Args:
        work: a folder of its own: store, logs, packed stores.
        device: "cuda", or "cpu" for the dry run.
        full: the model of the full-length group.
    """

    def __init__(self, work: Path, device: str, full: str) -> None:
        self.work, self.device, self.full = work, device, full
        self.began = time.monotonic()
        self.packed: set[str] = set()
        self.shards = 0
        (work / "packed").mkdir(exist_ok=True)

    @property
    def left(self) -> float:
        """Seconds; the last call's `--minutes` counts."""
        return float((self.work / "end").read_text()) - time.monotonic()

    def run(self) -> None:
        """All of it."""
        watts = None
        if self.device == "cuda":
            fields = "--query-gpu=timestamp,power.draw,utilization.gpu,memory.used"
            query = ["nvidia-smi", fields, "--format=csv", "-l", "2"]
            with (self.work / "power.csv").open("wb") as file:
                watts = subprocess.Popen(query, stdout=file)
        tests = self.tests()
        every = [(m, d) for d in DATASETS for m in MODELS]
        grid = [self.grid(m, d) for m, d in (every if self.device == "cuda" else every[:1])]
        full = self.group((0, 1))
        for job in (tests, full, *grid):
            job.start()
        try:
            self.watch(tests, grid, full)
        finally:
            for job in (tests, *grid, full):
                if job.process is not None and job.ended is None:
                    job.stop()
            if watts is not None:
                watts.terminate()
            self.pack("grid", last=True)
            self.pack("full", last=True)
            self.say("ended")
            (self.work / "ended").touch()

    def watch(self, tests: Job, grid: list[Job], full: Job) -> None:
        """Follow the jobs until all have ended or the time is over."""
        told: set[str] = set()
        since: tuple[float, int] | None = None  # when the full-length group was first heard of, alone on the device
        decided = False
        while self.left > 0:
            for job in (tests, *grid, full):
                if job.ended is not None and job.name not in told:
                    told.add(job.name)
                    self.say(f"{job.name}: exit status {job.ended}, {job.steps():,} model-steps")
                    if job is tests and job.ended != 0:
                        self.say(job.log.read_text(errors="replace")[-3000:])
                        return
                    self.pack("grid")
            if all(job.ended is not None for job in (tests, *grid, full)):
                return
            if not decided and full.ended is None and all(job.ended is not None for job in grid):
                now, steps = time.monotonic(), full.steps()
                if since is None or since[1] < 0:  # its log speaks now and then: clocks start and stop at a line
                    since = now, (-steps if since is None else (steps if steps > -since[1] else since[1]))
                elif now - since[0] > MEASURED_SECONDS and steps > since[1]:
                    decided = True
                    self.decide(full, since)
            time.sleep(POLL_SECONDS)

    def decide(self, full: Job, measured: tuple[float, int]) -> None:
        """Let all twelve go on, or the six of the first seed alone."""
        seconds, steps = time.monotonic() - measured[0], full.steps() - measured[1]
        total = int(re.findall(r"train: [\d,]+/([\d,]+)", full.log.read_text())[-1].replace(",", ""))
        needed, left = (total - full.steps()) * seconds / steps, self.left
        self.say(f"full: {1e6 * seconds / steps:.0f} us a model-step, {needed:.0f} s needed, {left:.0f} s left")
        if needed > left:
            full.stop()
            full.words = self.group((0,)).words
            full.start()
            self.say("full: six go on alone")

    def tests(self) -> Job:
        mark = "gpu" if self.device == "cuda" else "not slow and not gpu"
        files = TESTS if self.device == "cuda" else ("tests/test_random_bits.py",)
        return self.job(
            "tests", [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", mark, *files]
        )

    def grid(self, model: str, dataset: str) -> Job:
        """A model of the reference grid on a data set."""
        steps, seeds = ("10000", "0..9") if self.device == "cuda" else ("20", "0..1")
        schedule = [
            "trainer=quick",
            f"trainer.steps={steps}",
            "trainer.checkpoint_every=100000",
            "trainer.log_every=100",
        ]
        return self.train(f"grid-{model}-{dataset}", model, dataset, f"seed={seeds}", schedule, 60, "grid")

    def group(self, seeds: Sequence[int]) -> Job:
        """The full-length group, or a part of it: its runs are the same."""
        schedule = ["trainer=published", "trainer.precision=tf32", f"trainer.checkpoint_every={SAVED_EVERY}"]
        if self.device == "cpu":
            schedule = ["trainer=quick", "trainer.steps=40", "trainer.checkpoint_every=20"]
        words = f"seed=[{','.join(map(str, seeds))}]"
        return self.train("full", self.full, "dsprites", words, schedule, 12, "full")

    def train(
        self, name: str, model: str, dataset: str, seed: str, schedule: Sequence[str], stack: int, store: str
    ) -> Job:
        """Training of the six strengths of one model as one stack."""
        fast = ["trainer.convolution=triton"] if self.device == "cuda" else ["trainer.convolution=matmul"]
        fast += [f"trainer.stack={stack}", f"trainer.fleet={stack}"]
        words = [f"model={model}", f"dataset={dataset}", "strength=[0,1,2,3,4,5]", seed, *schedule, *fast]
        place = [f"study.name={name}", f"results_dir={self.work / store}", f"device={self.device}", "processes=1"]
        return self.job(name, [sys.executable, "-m", "bench", "train", *words, *place])

    def job(self, name: str, words: Sequence[str]) -> Job:
        log = self.work / f"{name}.txt"
        log.touch()
        return Job(name, words, log)

    def pack(self, store: str, *, last: bool = False) -> None:
        """Pack finished runs into tar files of at most 16 MB; the last may be smaller."""
        entries: list[tuple[str, bytes]] = []
        waiting: list[str] = []
        size = 0
        for done in sorted((self.work / store / "runs").glob("*/done.json")):
            run = done.parent
            if run.name in self.packed:
                continue
            parts = _parts(run, halved=store == "grid")
            more = sum(len(content) for _, content in parts)
            if size + more > PACKED_BYTES:
                self._write(store, entries, waiting)
                entries, waiting, size = [], [], 0
            entries += parts
            waiting.append(run.name)
            size += more
        if last and entries:
            self._write(store, entries, waiting)

    def _write(self, store: str, entries: list[tuple[str, bytes]], runs: list[str]) -> None:
        part = self.work / "packed" / f"{store}-{self.shards:03d}.part"
        with tarfile.open(part, "w") as packed:
            for name, content in entries:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
        part.rename(part.with_suffix(".tar"))
        self.shards += 1
        self.packed |= set(runs)
        self.say(f"{part.stem}: {len(runs)} runs packed")

    def say(self, text: str) -> None:
        """A line of the worker's log, with the time."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


def _parts(run: Path, *, halved: bool) -> list[tuple[str, bytes]]:
    """The files of a finished run; its weights in half precision where `halved`, which done.json then says."""
    weights = load_file(run / "weights.safetensors")
    done = json.loads((run / "done.json").read_text())
    if halved:
        weights = {name: array.astype(np.float16) for name, array in weights.items()}
        done["weights"] = "rounded to half precision"
    packed = run / "packed.safetensors"
    save_file(weights, packed)
    contents = {
        "config.json": (run / "config.json").read_bytes(),
        "done.json": json.dumps(done).encode(),
        "losses.csv": (run / "losses.csv").read_bytes(),
        "weights.safetensors": packed.read_bytes(),
    }
    packed.unlink()
    return [(f"runs/{run.name}/{name}", content) for name, content in contents.items()]


if __name__ == "__main__":
    main()

"""`python -m benchmarks.gpu next`: the models that the reference table wants next, on a machine lent by the minute.

python -m benchmarks.gpu next --out DIR --work FOLDER [--minutes 14] [--wait 580] [--device cuda|cpu]

The first call starts the work in a process of its own, which outlasts the call; the same call again finds it, waits up
to `--wait` seconds for four packed stores or the end, and takes them. `--minutes` counts from the latest call. All jobs
run side by side on the one device:

1. the kernels' tests: where one fails, everything stops, for nothing could be trusted; and other tests of the device,
   whose failures are told of;
2. the reference grid, where the reference table lacks runs of it: each model and data set as one stack;
3. the next group of the study `full` that the reference table lacks: one model, six strengths, as one stack of 12 (or
   what is missing of it; models of which nothing is there first). Once the grid is done its speed is measured; where
   all cannot end in time, those of the first seed go on from where they stand;
4. scores of shipped models by metrics that the reference table does not have of them, on the CPUs meanwhile;
5. when 3 has ended: what a step takes (`speed`), then the scores of 3, while there is time.

What a call leaves in DIR is at most 4 packed stores of at most 16 MB each (unpack them into a results folder) and
logs.tar.gz, with the watts drawn, the steps' times and how kernels are launched. All weights are rounded to half
precision before they are scored, and say so in done.json. `--device cpu` is the dry run: the same code with few steps
and small networks.
"""

import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import registry
from bench.store.shipped import downloads_dir
from bench.table.reference import read_reference
from bench.training.catalogue import catalogue
from benchmarks.device_jobs import Job, Speed
from benchmarks.packed_stores import PackedStores

# of `full`, in this order: a step of FactorVAE takes half as long again, so that twelve do not end in 15 minutes
MODELS = ("beta_tcvae", "dip_vae_ii", "annealed_vae", "dip_vae_i", "beta_vae", "factor_vae")
DATASETS = ("dsprites", "noisy_dsprites")
STRENGTHS, SEEDS, STEPS = range(6), (0, 1), 300_000  # of `full`
GRID_SEEDS, GRID_STEPS = range(10), 10_000  # of `reference`
TESTS = (
    "tests/training/test_fleet_on_gpu.py", "tests/networks/test_convolutions.py",
    "-k", "kernels or stack or poisoned or autocast",
)  # fmt: skip
OTHER_TESTS = (
    "tests/scoring/test_device_codes.py", "tests/training/test_fleet_on_gpu.py", "-k",
    "codes_of_a_gpu or compiled_inputs or pairs_are or ada_ml_vae or slow_vae or hfs or qlae or infogan or dc_ign",
)  # fmt: skip
PACKED_A_CALL = 4
LAST_SECONDS = 25  # before the end, in which what is finished is packed
MEASURED_SECONDS = 20
POLL_SECONDS = 0.5
SAVED_EVERY = 50_000  # updates of the full-length group
LEAST_SECONDS = 30  # in which something more is begun


def take_next(out: Path, work: Path, device: str, minutes: float, wait: float) -> None:
    """Start the work unless it runs, wait, take what is finished."""
    work.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait
    (work / "end").write_text(str(time.monotonic() + 60 * minutes - LAST_SECONDS))
    if not (work / "begun").exists():
        (work / "begun").touch()
        with (work / "worker.txt").open("ab") as log:
            words = [sys.executable, "-m", "benchmarks.device_programme", str(work), device]
            subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    packed = work / "packed"
    waiting: list[Path] = []
    while time.monotonic() < until and len(waiting) < PACKED_A_CALL and not (work / "ended").exists():
        time.sleep(POLL_SECONDS)
        waiting = sorted(packed.glob("*.tar"))
    out.mkdir(parents=True, exist_ok=True)
    waiting = sorted(packed.glob("*.tar"))
    for file in waiting[:PACKED_A_CALL]:
        shutil.copy(file, out / file.name)
        file.rename(file.with_suffix(".taken"))
    with tarfile.open(out / "logs.tar.gz", "w:gz") as logs:
        for file in sorted(file for kind in ("txt", "csv", "jsonl") for file in work.glob(f"*.{kind}")):
            logs.add(file, file.name)
        for file in sorted((downloads_dir() / "kernels").glob("*.json")):  # how kernels were launched
            logs.add(file, f"kernels/{file.name}")
    print((work / "worker.txt").read_text()[-6000:])
    print(f"{max(0, len(waiting) - PACKED_A_CALL)} packed stores are still to be taken")
    print("ended" if (work / "ended").exists() else "running")


class Programme:
    """The work: its jobs, its clock, what is packed.

    Args:
        work: a folder of its own: store, logs, packed stores.
        device: "cuda", or "cpu" for the dry run.
    """

    def __init__(self, work: Path, device: str) -> None:
        self.work, self.device = work, device
        self.began = time.monotonic()
        self.stores = PackedStores(work, self.say)
        self.reported: set[str] = set()

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
        tests, grid, full, shipped = self.tests(), self.grid(), self.group(), self.shipped_scores()
        others = self.other_tests()
        jobs = [tests, *full, *grid, *others]
        self.later = shipped
        for job in jobs:
            job.start()
        try:
            self.watch(jobs, tests, grid, full, before=[*grid, *others])
            for store in ("grid", "full"):
                self.stores.pack(store, "weights", last=True)
            self.begin_later(jobs)
            for afterwards in (self.speed, lambda: self.scores_of_full(full)):  # what is timed has the machine alone
                if self.left > LEAST_SECONDS:
                    more = afterwards()
                    jobs += more
                    for job in more:
                        job.start()
                    self.watch(jobs, tests, [], [], before=[])
        finally:
            for job in jobs:
                if job.process is not None and job.ended is None:
                    job.stop()
            if watts is not None:
                watts.terminate()
            for store in ("grid", "full"):
                self.stores.pack(store, "weights", last=True)
            for store in ("full", "shipped"):
                self.stores.pack(store, "scores", last=True)
            self.say("ended")
            (self.work / "ended").touch()

    def watch(self, jobs: list[Job], tests: Job, grid: list[Job], full: list[Job], before: list[Job]) -> None:
        """Follow jobs until those of the grid and of `full`, or else all, have ended or the time is over.

        The speed of `full` is measured when the jobs of `before` have ended; what is to come later begins after that.
        """
        speed = Speed()
        awaited = [tests, *grid, *full] if grid or full else jobs
        while self.left > 0:
            for job in jobs:
                if job.ended is not None and job.name not in self.reported:
                    self.reported.add(job.name)
                    self.say(f"{job.name}: exit status {job.ended}, {job.steps()[0]:,} model-steps")
                    if job.ended != 0:
                        self.say(job.log.read_text(errors="replace")[-3000:])
                    if job is tests and job.ended != 0:
                        raise SystemExit("a test of the kernels failed")
                    self.stores.pack("grid", "weights")
            if all(job.ended is not None for job in awaited):
                return
            if not speed.decided and full and full[0].ended is None and all(job.ended is not None for job in before):
                speed.see(*full[0].steps())
                if speed.seconds >= MEASURED_SECONDS:
                    speed.decided = True
                    self.decide(full[0], speed)
                    self.begin_later(jobs)
            time.sleep(POLL_SECONDS)

    def begin_later(self, jobs: list[Job]) -> None:
        """Start what waits for the speed to be measured."""
        for job in self.later:
            job.start()
        jobs += self.later
        self.later = []

    def decide(self, full: Job, speed: Speed) -> None:
        """Let the whole group go on, or the runs of its first seed alone."""
        a_step = speed.seconds / speed.steps
        needed = speed.left_to_do * a_step
        self.say(f"full: {1e6 * a_step:.0f} us a model-step, {needed:.0f} s needed, {self.left:.0f} s left")
        if needed > self.left and len(self.seeds) > 1:
            full.stop()
            full.words = self.words_of_full(self.seeds[:1])
            full.start()
            self.say(f"full: the runs of seed {self.seeds[0]} go on alone")

    def tests(self) -> Job:
        mark = "gpu" if self.device == "cuda" else "not slow and not gpu"
        files = TESTS if self.device == "cuda" else ("tests/test_random_bits.py",)
        return self.job(
            "tests", [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", mark, *files]
        )

    def other_tests(self) -> list[Job]:
        """Tests of what no number rests on here: one that fails stops nothing."""
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", *OTHER_TESTS]
        return [self.job("other-tests", words)] if self.device == "cuda" else []

    def grid(self) -> list[Job]:
        """Models of the reference grid on a data set of which the reference table lacks runs."""
        done = _scored(GRID_STEPS) if self.device == "cuda" else set()
        steps, seeds = (GRID_STEPS, GRID_SEEDS) if self.device == "cuda" else (20, range(2))
        schedule = [
            "trainer=quick",
            f"trainer.steps={steps}",
            "trainer.checkpoint_every=100000",
            "trainer.log_every=100",
        ]
        missing = [
            (model, dataset) for dataset in DATASETS for model in MODELS
            if any((model, dataset, strength, seed) not in done for strength in STRENGTHS for seed in seeds)
        ]  # fmt: skip
        return [
            self.job(f"grid-{m}-{d}", self.words(f"grid-{m}-{d}", m, d, seeds, schedule, 60, "grid"))
            for m, d in (missing if self.device == "cuda" else missing[:1])
        ]

    def group(self) -> list[Job]:
        """The next model of the study `full` with seeds that the reference table lacks; none where it has all."""
        done = _scored(STEPS)
        lacking = {
            model: [s for s in SEEDS if any((model, "dsprites", strength, s) not in done for strength in STRENGTHS)]
            for model in MODELS
        }
        self.full = max(MODELS, key=lambda model: len(lacking[model]))
        self.seeds = lacking[self.full]
        return [self.job("full", self.words_of_full(self.seeds))] if self.seeds else []

    def words_of_full(self, seeds: Sequence[int]) -> list[str]:
        """The command that trains some seeds of the group: their runs are the same in whatever stack."""
        schedule = ["trainer=published", "trainer.precision=tf32", f"trainer.checkpoint_every={SAVED_EVERY}"]
        if self.device == "cpu":
            schedule = ["trainer=quick", "trainer.steps=40", "trainer.checkpoint_every=20"]
        protocol = "published" if self.device == "cuda" else "quick"
        schedule += [f"scoring={protocol}", "metric=all"]
        return self.words("full", self.full, "dsprites", seeds, schedule, 12, "full")

    def scores_of_full(self, full: Sequence[Job]) -> list[Job]:
        """The command that scores what the group has finished."""
        if not full or not any((self.work / "full" / "runs").glob("*/done.json")):
            return []
        words = ["score" if w == "train" else w for w in full[0].words if not w.startswith("processes=")]
        return [self.job("scores", words)]

    def shipped_scores(self) -> list[Job]:
        """The command that scores shipped models by metrics that the reference table does not have of them."""
        table = read_reference()[0]
        known = set(table.loc[table["run"].isin({entry.run for entry in catalogue()}), "metric"])
        declared = {name: registry.load("metrics", name).metric for name in registry.names("metrics")}
        # dSprites has no values of factors
        wanted = {name for name, m in declared.items() if m.reads != "group" and not m.reads_values}
        if not (lacking := sorted(wanted - known)):
            return []
        models = sorted({entry.model for entry in catalogue()})
        seeds = sorted({entry.setting[2] for entry in catalogue()})
        chosen = ["study=full", f"model=[{','.join(models)}]", f"seed=[{','.join(map(str, seeds))}]"]
        chosen += [f"metric=[{','.join(lacking)}]", f"results_dir={self.work / 'shipped'}", f"device={self.device}"]
        chosen += [] if self.device == "cuda" else ["strength=0", "scoring=quick", "processes=1"]
        return [self.job("shipped", [sys.executable, "-m", "bench", "score", *chosen])]

    def speed(self) -> list[Job]:
        """What a step takes, one rung after the other, in half of the time that is left."""
        minutes = (self.left - LEAST_SECONDS) / 2 / 60
        chosen = ["--out", str(self.work), "--minutes", f"{minutes:.2f}", "--device", self.device]
        return [self.job("rungs", [sys.executable, "-m", "benchmarks.gpu", "speed", *chosen])]

    def words(
        self, name: str, model: str, dataset: str, seeds: Sequence[int], schedule: Sequence[str], stack: int, store: str
    ) -> list[str]:
        """The command that trains the six strengths of one model as one stack."""
        fast = ["trainer.convolution=triton"] if self.device == "cuda" else ["trainer.convolution=matmul"]
        fast += [f"trainer.stack={stack}", f"trainer.fleet={stack}"]
        grid = [f"strength=[{','.join(map(str, STRENGTHS))}]", f"seed=[{','.join(map(str, seeds))}]"]
        place = [f"study.name={name}", f"results_dir={self.work / store}", f"device={self.device}", "processes=1"]
        chosen = [f"model={model}", f"dataset={dataset}", *grid, *schedule, *fast, *place]
        return [sys.executable, "-m", "bench", "train", *chosen]

    def job(self, name: str, words: Sequence[str]) -> Job:
        log = self.work / f"{name}.txt"
        log.touch()
        return Job(name, words, log)

    def say(self, text: str) -> None:
        """A line of the worker's log, with the time."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


def _scored(steps: int) -> set[tuple[str, str, int, int]]:
    """Model, data set, strength and seed of the runs of a number of steps that the reference table has."""
    runs = read_reference()[0].drop_duplicates("run")
    runs = runs[runs["schedule"].str.contains(f" {steps:,} steps", regex=False)].dropna(subset="strength_index")
    return set(zip(runs["model"], runs["dataset"], runs["strength_index"].astype(int), runs["seed"], strict=True))


if __name__ == "__main__":
    Programme(Path(sys.argv[1]), sys.argv[2]).run()

"""A small study killed at random moments and finished each time: are its scores those of an undisturbed one?

python -m benchmarks.faults [--kills 100] [--seed 0] [--processes 2]

Each time the study is started anew, something of it is killed with kill -9 (a random one of its processes, or all of
them, by turns), and the same command finishes it. The score table must be bit-identical to that of a study that nobody
disturbed, but for the columns of seconds, and no unfinished file may be left. The exit code is 1 where it is not. Do
not change the checkout meanwhile: its revision is a column.
"""

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from bench.store.files import TEMPORARY
from bench.table.scores import scores

GRID = [
    "model=[beta_vae,pca]", "strength=[0,5]", "seed=0..1", "dataset=dsprites", "trainer.steps=60",
    "trainer.checkpoint_every=20", "trainer.batch_size=8", "scoring.pool=1500", "scoring.num_train=400",
    "scoring.num_test=300", "scoring.options.downstream.train_sizes=[100,400]", "study.name=faults",
    "scoring.options.downstream.num_rounds=5", "metric=[mig,unsupervised,downstream]",
]  # fmt: skip
TIMES = ["seconds", "train_seconds"]


def start(results: Path, processes: int) -> "subprocess.Popen[str]":
    """Training, then scoring, in a process group of their own."""
    words = [*GRID, f"results_dir={results}", f"processes={processes}"]
    stages = [shlex.join([sys.executable, "-m", "bench", stage, *words]) for stage in ("train", "score")]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(["sh", "-c", " && ".join(stages)], start_new_session=True, **silent)  # type: ignore[call-overload]


def members(group: int) -> list[int]:
    """The processes of a group."""
    found = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, owner in map(str.split, found.splitlines()) if int(owner) == group]


def kill(process: "subprocess.Popen[str]", choose: random.Random) -> str:
    """Kill one process of a group or all, and wait until all have ended; what was killed."""
    there = members(process.pid)
    victims = there if choose.random() < 0.5 else [choose.choice(there)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    return f"{len(victims)} of {len(there)} processes"


def finish(results: Path, processes: int) -> None:
    """Run the study to its end.

    Raises:
        RuntimeError: it says that something is missing or failed.
    """
    process = start(results, processes)
    _, told = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the study in {results} did not finish:\n{told}")


def numbers(results: Path) -> pd.DataFrame:
    """The study's score table without times."""
    return scores("faults", results).drop(columns=TIMES)


def left_behind(results: Path) -> list[str]:
    """Unfinished files of writers that were killed, which whoever finished the study was to remove."""
    return [str(path) for path in results.rglob(".*") if TEMPORARY.fullmatch(path.name)]


def compared(found: pd.DataFrame, expected: pd.DataFrame) -> str:
    """ "the same", or what differs."""
    if found.equals(expected):
        return "the same"
    if len(found) != len(expected):
        return f"DIFFERENT: {len(found)} scores for {len(expected)}"
    return f"DIFFERENT in {', '.join(c for c in expected if not found[c].equals(expected[c]))}"


def main() -> int:
    """Kill, finish and compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    choose = random.Random(chosen.seed)
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        finish(Path(scratch, "undisturbed"), chosen.processes)
        length, expected = time.monotonic() - began, numbers(Path(scratch, "undisturbed"))
        print(f"undisturbed: {length:.0f} s, {len(expected)} scores of {expected['run'].nunique()} runs", flush=True)
        for k in range(chosen.kills):
            results = Path(scratch, f"kill-{k}")
            process = start(results, chosen.processes)
            moment = choose.uniform(0, length)
            try:
                process.wait(moment)
                killed = "nothing, it was done"
            except subprocess.TimeoutExpired:
                killed = kill(process, choose)
            finish(results, chosen.processes)
            verdict = compared(numbers(results), expected)
            if orphans := left_behind(results):
                verdict = f"{verdict}, DIFFERENT: left behind {', '.join(orphans)}"
            different += verdict != "the same"
            print(f"kill {k}: {killed} after {moment:.1f} s: {verdict}", flush=True)
    print(f"{chosen.kills - different} of {chosen.kills} bit-identical")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

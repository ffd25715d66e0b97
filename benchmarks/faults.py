"""Kill a small study at random moments and finish it: are its scores those of an undisturbed study?

python -m benchmarks.faults [--kills 100] [--seed 0] [--processes 2]

Each round starts the study, kills a random one of its processes or all of them with kill -9, and finishes it by the
same command. Except for the columns of seconds, the score table must be bit-identical to that of an undisturbed study,
and no unfinished file may remain; otherwise the exit code is 1. Do not change the checkout meanwhile: its revision is a
column.
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
    """Training, then scoring, in a new process group."""
    words = [*GRID, f"results_dir={results}", f"processes={processes}"]
    stages = [shlex.join([sys.executable, "-m", "bench", stage, *words]) for stage in ("train", "score")]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(["sh", "-c", " && ".join(stages)], start_new_session=True, **silent)  # type: ignore[call-overload]


def members(group: int) -> list[int]:
    """The processes of a group."""
    listing = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, group_id in map(str.split, listing.splitlines()) if int(group_id) == group]


def kill(process: "subprocess.Popen[str]", choose: random.Random) -> str:
    """Kill one process of a group or all, and wait until all have ended; the number of killed ones, in words."""
    running = members(process.pid)
    victims = running if choose.random() < 0.5 else [choose.choice(running)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    return f"{len(victims)} of {len(running)} processes"


def finish(results: Path, processes: int) -> None:
    """Run the study to its end.

    Raises:
        RuntimeError: the command failed; the message has its error output.
    """
    process = start(results, processes)
    _, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the study in {results} did not finish:\n{errors}")


def numbers(results: Path) -> pd.DataFrame:
    """The study's score table without times."""
    return scores("faults", results).drop(columns=TIMES)


def left_behind(results: Path) -> list[str]:
    """Unfinished files of killed writers, which the command that finishes the study should have removed."""
    return [str(path) for path in results.rglob(".*") if TEMPORARY.fullmatch(path.name)]


def compared(table: pd.DataFrame, expected: pd.DataFrame) -> str:
    """ "the same", or a description of the difference."""
    if table.equals(expected):
        return "the same"
    if len(table) != len(expected):
        return f"DIFFERENT: {len(table)} scores for {len(expected)}"
    return f"DIFFERENT in {', '.join(c for c in expected if not table[c].equals(expected[c]))}"


def main() -> int:
    """Kill, finish and compare; returns the exit code."""
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

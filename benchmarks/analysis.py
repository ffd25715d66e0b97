"""How long all figures of a study at full size take, from a made-up table.

Its scores beside the paper's are of no metric of the suite, so that the second figures, of every metric, are not drawn.

python -m benchmarks.analysis [--datasets 7] [--seeds 50] [--scores 60] [--processes 1] [--out DIR]
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from bench.pool import Here, Pool
from bench.report.figures import draw_all
from bench.testing.synthetic import SAMPLED, SCORES, SyntheticScore, synthetic_table

DATASETS = (
    "dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites", "smallnorb", "cars3d", "shapes3d",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the seconds of each figure, and of all; with one process those of its CPU beside those of the clock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--scores", type=int, default=60)
    parser.add_argument(
        "--processes", type=int, help="all cores if it is not given; with 1, seconds are of each figure"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    datasets = DATASETS[: options.datasets]
    more = {
        f"other_{k}_score": SyntheticScore("other", 0.5) for k in range(options.scores - len(SCORES) - len(SAMPLED))
    }
    rng = np.random.default_rng(0)
    table = synthetic_table(rng, datasets=datasets, seeds=options.seeds, explained=0.4, scores={**SCORES, **more})
    print(f"{table['run'].nunique():,} runs x {options.scores} scores = {len(table):,} rows")
    members = [SimpleNamespace(dataset=d) for d in datasets]
    plan = SimpleNamespace(members=members, runs=(), schedules="made up", name="made_up")
    with tempfile.TemporaryDirectory() as folder, Pool(options.processes) if options.processes != 1 else Here() as pool:
        started = last = time.perf_counter()
        cpu_started = time.process_time()
        for outcome in draw_all(table, plan, options.out or Path(folder), pool):  # type: ignore[arg-type]
            now = time.perf_counter()
            print(f"{now - last:6.2f} s {outcome.name}: {outcome.state}", flush=True)
            last = now
        cpu = f", {time.process_time() - cpu_started:.1f} s of the CPU" if pool.processes == 1 else ""
    print(f"all figures: {last - started:.1f} s, {pool.processes} at a time{cpu}")


if __name__ == "__main__":
    main()

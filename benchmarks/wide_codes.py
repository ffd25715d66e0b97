"""The cost of each metric for wide codes, such as the features of a pretrained network.

python -m benchmarks.wide_codes [--dims 768 4096] [--rows 10000] [--metrics mig dci] [--limit 600]

Codes are a noisy random mixture of dSprites' five factors. Each metric runs in a separate process, on one thread, as
`bench.score` calls it, under the published protocol with as many rows as there are. CPU seconds are those of the call;
MB is the peak memory of the process, which includes numpy and the codes.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from bench import registry
from bench.metrics.base import OF_CODES, SkippedError
from bench.scoring.runs import PUBLISHED, cells, declaration, evaluate

FACTOR_SIZES = (3, 6, 40, 32, 32)
NOISE = 0.5


def wide_codes(rows: int, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (rows, dims) and factors (rows, 5); every dimension mixes all factors."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=rows) for size in FACTOR_SIZES], axis=1)
    mixed = sum(rng.normal(size=(size, dims))[factors[:, k]] for k, size in enumerate(FACTOR_SIZES))
    return (mixed + NOISE * rng.normal(size=(rows, dims))).astype(np.float32).astype(np.float64), factors


def cost(metric: str, rows: int, dims: int) -> dict[str, Any]:
    """CPU seconds and MB of one call in this process, or the reason why the metric was skipped."""
    (cell,), (codes, factors) = cells([metric], PUBLISHED), wide_codes(rows, dims)
    registry.load("metrics", metric)
    started = time.process_time()
    try:
        evaluate(cell, codes, factors if declaration(metric).min_factors else None, "benchmark")
    except SkippedError as reason:
        return {"skipped": str(reason)}
    seconds = time.process_time() - started
    return {"seconds": seconds, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def cost_apart(metric: str, rows: int, dims: int, limit: int) -> dict[str, Any]:
    """`cost` in a separate process with `limit` CPU seconds."""
    command = [sys.executable, "-m", "benchmarks.wide_codes", "--limit", str(limit), "--one", metric, str(rows)]
    process = subprocess.run([*command, str(dims)], capture_output=True, text=True)
    if process.returncode == -signal.SIGXCPU:
        return {"skipped": f"not finished after {limit} CPU s"}
    if process.returncode:
        return {"skipped": process.stderr.strip().splitlines()[-1]}
    return dict(json.loads(process.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, nargs="+", default=[768, 4096])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--metrics", nargs="+")
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        metric, rows, dims = options.one
        resource.setrlimit(resource.RLIMIT_CPU, (options.limit, options.limit + 5))
        return print(json.dumps(cost(metric, int(rows), int(dims))))
    names = options.metrics or [n for n in registry.names("metrics") if declaration(n).reads in OF_CODES]
    print("| metric | D | CPU s | MB |\n|---|---|---|---|")
    for dims in options.dims:
        for name in names:
            costs = cost_apart(name, options.rows, dims, options.limit)
            columns = f"{costs['seconds']:.1f} | {costs['MB']:.0f}" if "seconds" in costs else f"{costs['skipped']} |"
            print(f"| `{name}` | {dims} | {columns} |", flush=True)
    return None


if __name__ == "__main__":
    main()

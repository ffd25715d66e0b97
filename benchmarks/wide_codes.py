"""The cost of each metric for wide codes, such as the features of a pretrained network.

python -m benchmarks.wide_codes [--dims 768 4096] [--rows 10000] [--metrics mig dci] [--options predictor=lr]
                                [--limit 600]

Codes are a noisy random mixture of dSprites' five factors. Each metric runs in a separate process, on one thread, as
`bench.score` calls it, under the published protocol with as many rows as there are and the options that are given. CPU
seconds are those of the call; MB is the peak memory of the process, which includes numpy and the codes.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import yaml

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


def cost(metric: str, rows: int, dims: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """CPU seconds and MB of one call in this process, or the reason why the metric was skipped."""
    protocol = replace(PUBLISHED, options={**PUBLISHED.options, metric: {**PUBLISHED.options.get(metric, {}), **given}})
    (cell,), (codes, factors) = cells([metric], protocol), wide_codes(rows, dims)
    registry.load("metrics", metric)
    started = time.process_time()
    try:
        evaluate(cell, codes, factors if declaration(metric).min_factors else None, "benchmark")
    except SkippedError as reason:
        return {"skipped": str(reason)}
    seconds = time.process_time() - started
    return {"seconds": seconds, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def cost_apart(metric: str, rows: int, dims: int, given: list[str], limit: int) -> dict[str, Any]:
    """`cost` in a separate process with `limit` CPU seconds."""
    command = [sys.executable, "-m", "benchmarks.wide_codes", "--one", "--metrics", metric, "--rows", str(rows)]
    command += ["--dims", str(dims), "--limit", str(limit), "--options", *given]
    process = subprocess.run(command, capture_output=True, text=True)
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
    parser.add_argument("--options", nargs="*", default=[], help="of each metric, as NAME=VALUE")
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        given = {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in options.options)}
        resource.setrlimit(resource.RLIMIT_CPU, (options.limit, options.limit + 5))
        return print(json.dumps(cost(options.metrics[0], options.rows, options.dims[0], given)))
    names = options.metrics or [n for n in registry.names("metrics") if declaration(n).reads in OF_CODES]
    print("| metric | D | CPU s | MB |\n|---|---|---|---|")
    for dims in options.dims:
        for name in names:
            costs = cost_apart(name, options.rows, dims, options.options, options.limit)
            columns = f"{costs['seconds']:.1f} | {costs['MB']:.0f}" if "seconds" in costs else f"{costs['skipped']} |"
            print(f"| `{name}` | {dims} | {columns} |", flush=True)
    return None


if __name__ == "__main__":
    main()

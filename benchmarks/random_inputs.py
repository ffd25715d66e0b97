"""Random awkward inputs to every metric: how many are scored, how many refused, and every fault.

python -m benchmarks.random_inputs --count 10000
"""

import argparse
import sys
import time
import warnings
from collections import Counter

from bench.testing.random_inputs import metrics_of_codes, random_input, scored_or_refused


def main() -> int:
    """Print a line per metric and every input that is neither scored nor refused; then the exit code is 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="inputs")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--metric", action="append", help="one metric; may be repeated; all without it")
    options = parser.parse_args()
    warnings.simplefilter("error")
    faults = 0
    for name in options.metric or metrics_of_codes():
        started, outcomes = time.process_time(), Counter[str]()
        for seed in range(options.first, options.first + options.count):
            try:
                outcomes["scored" if scored_or_refused(name, *random_input(seed)) else "refused"] += 1
            except Exception as fault:
                outcomes["faults"] += 1
                print(f"{name}: random_input({seed}): {type(fault).__name__}: {fault}", flush=True)
        counts = ", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in ("scored", "refused", "faults"))
        print(f"{name}: {counts}; {time.process_time() - started:.0f} CPU-seconds", flush=True)
        faults += outcomes["faults"]
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

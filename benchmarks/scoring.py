"""What scoring one representation costs, each metric beside scikit-learn's estimators doing the same work.

python -m benchmarks.scoring [--quick] [--trees exact]

CPU seconds of one process and one thread, on the golden 10-dimensional code of dSprites' factors under the published
protocol: 10,000 training and 5,000 test rows, 10 to 10,000 labels. `--quick` leaves scikit-learn's slow fits out.
"""

import argparse
import os
import resource
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from bench import registry
from bench.metrics.base import OF_CODES
from bench.metrics.downstream import downstream
from bench.metrics.parts import exact_trees
from bench.scoring.runs import PUBLISHED, cells, declaration, evaluate

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
SIZES = (10, 100, 1_000, 10_000)


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of the process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ours(name: str, split: Sequence[np.ndarray]) -> Callable[[], object]:
    """A metric as the scoring stage calls it, but for the rows: all that read "split" get these, as in a study."""
    (cell,), function = cells([name], PUBLISHED), registry.load("metrics", name)
    if function.metric.reads == "split":
        return lambda: function(*split)
    codes, factors = np.vstack(split[::2]), np.vstack(split[1::2])
    given = factors if function.metric.min_factors else None
    return lambda: evaluate(cell, codes, given, "benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--trees", choices=["xgboost", "exact"], default="exact")
    asked = parser.parse_args()
    with np.load(GOLDEN / "arrays_tanh10.npz") as file:
        x, test = file["train_codes"].astype(float), file["test_codes"].astype(float)
        y, expected = file["train_factors"].astype(int), file["test_factors"].astype(int)
    split = x, y, test, expected
    exact_trees.boost(x[:50], y[:50, 0], test[:5], num_rounds=1)  # compiled, which is kept on disk
    of_codes = [n for n in registry.names("metrics") if declaration(n).reads in OF_CODES]
    seconds = {n: spent(ours(n, split)) for n in of_codes if n != "downstream"}
    for predictor in ("lr", "gbt"):
        for label, sizes in (("to 1,000", SIZES[:-1]), ("10,000", SIZES[-1:])):
            options = {"predictor": predictor, "trees": asked.trees, "train_sizes": sizes}
            seconds[f"downstream {predictor}, {label} labels"] = spent(lambda o=options: downstream(*split, **o))
    theirs = {} if asked.quick else reference(x, y)
    show(seconds, theirs)


def reference(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The same fits by scikit-learn; trees get a tenth of the rounds, counted tenfold."""
    warnings.simplefilter("ignore")
    one = LogisticRegressionCV(Cs=10, cv=KFold(5), max_iter=100)

    def each(estimator: Any, columns: np.ndarray, rows: int) -> float:
        return spent(lambda: [clone(estimator).fit(columns[:rows], y[:rows, k]) for k in range(y.shape[1])])

    trees = {n: 10 * each(GradientBoostingClassifier(n_estimators=10), x, n) for n in SIZES[2:]}
    machine = LinearSVC(C=0.01, class_weight="balanced")
    return {
        "dci": trees[10_000],
        "sap": sum(each(machine, x[:, d : d + 1], 10_000) for d in range(x.shape[1])),
        "downstream lr, to 1,000 labels": each(OneVsRestClassifier(one), x, 1_000),
        "downstream gbt, to 1,000 labels": trees[1_000],
        "downstream gbt, 10,000 labels": trees[10_000],
    }


def show(seconds: dict[str, float], theirs: dict[str, float]) -> None:
    table = Table("metric", "CPU s", "scikit-learn, CPU s", "ratio")
    for name, value in seconds.items():
        other = theirs.get(name)
        table.add_row(name, f"{value:.2f}", f"{other:.0f}" if other else "", f"{other / value:.0f}" if other else "")
    table.add_section()
    table.add_row("all", f"{sum(seconds.values()):.1f}", "", "")
    console = Console()
    console.print(table)
    console.print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

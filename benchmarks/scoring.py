"""The cost of scoring one representation: each metric, compared with the same work by scikit-learn's estimators.

python -m benchmarks.scoring [--quick] [--trees exact]

Costs are CPU seconds of one process and one thread, for the golden 10-dimensional code of dSprites' factors under the
published protocol: 10,000 training and 5,000 test rows, 10 to 10,000 labels. `--quick` leaves out scikit-learn's slow
fits. Encoding is of a shipped model, on one thread.
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

from bench import load_model, registry
from bench.data import load_data
from bench.metrics.base import OF_CODES, SkippedError
from bench.metrics.downstream import downstream
from bench.metrics.parts import exact_trees
from bench.scoring.codes import encode
from bench.scoring.runs import PUBLISHED, cells, declaration, evaluate

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
SIZES = (10, 100, 1_000, 10_000)


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of the process; NaN for a metric that does not apply to these codes."""
    started = time.process_time()
    try:
        work()
    except SkippedError:
        return float("nan")
    return time.process_time() - started


def ours(name: str, split: Sequence[np.ndarray]) -> Callable[[], object]:
    """A call of a metric as in the scoring stage; metrics that read "split" get these rows."""
    (cell,), function = cells([name], PUBLISHED), registry.load("metrics", name)
    if function.metric.reads == "split":
        return lambda: function(*split)
    codes, factors = np.vstack(split[::2]), np.vstack(split[1::2])
    classes = factors if function.metric.min_factors else None
    return lambda: evaluate(cell, codes, classes, "benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--trees", choices=["xgboost", "exact"], default="exact")
    options = parser.parse_args()
    with np.load(GOLDEN / "arrays_tanh10.npz") as file:
        x, test = file["train_codes"].astype(float), file["test_codes"].astype(float)
        y, expected = file["train_factors"].astype(int), file["test_factors"].astype(int)
    split = x, y, test, expected
    exact_trees.boost(x[:50], y[:50, 0], test[:5], num_rounds=1)  # compiles; the result is cached on disk
    metrics = [n for n in registry.names("metrics") if declaration(n).reads in OF_CODES]
    seconds = {n: spent(ours(n, split)) for n in metrics if n != "downstream"}
    for predictor in ("lr", "gbt"):
        for label, sizes in (("to 1,000", SIZES[:-1]), ("10,000", SIZES[-1:])):
            arguments = {"predictor": predictor, "trees": options.trees, "train_sizes": sizes}
            seconds[f"downstream {predictor}, {label} labels"] = spent(lambda a=arguments: downstream(*split, **a))
    print(f"encoding dSprites with one model of the published size: {encoding():.0f} CPU s")
    show(seconds, {} if options.quick else reference(x, y))


def encoding() -> float:
    """CPU seconds of one model of the published size for all images of dSprites, by those for the first 8,192."""
    model, dataset = load_model("beta_vae", dataset="dsprites", strength=2, seed=0), load_data("dsprites")
    first = np.arange(8_192)
    return spent(lambda: encode(model, dataset, first, device="cpu")) * len(dataset) / len(first)


def reference(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """CPU seconds of the same fits by scikit-learn; trees are timed for a tenth of the rounds, times ten."""
    warnings.simplefilter("ignore")
    regression = LogisticRegressionCV(Cs=10, cv=KFold(5), max_iter=100)

    def all_factors(estimator: Any, columns: np.ndarray, rows: int) -> float:
        return spent(lambda: [clone(estimator).fit(columns[:rows], y[:rows, k]) for k in range(y.shape[1])])

    trees = {n: 10 * all_factors(GradientBoostingClassifier(n_estimators=10), x, n) for n in SIZES[2:]}
    machine = LinearSVC(C=0.01, class_weight="balanced")
    return {
        "dci": trees[10_000],
        "sap": sum(all_factors(machine, x[:, d : d + 1], 10_000) for d in range(x.shape[1])),
        "downstream lr, to 1,000 labels": all_factors(OneVsRestClassifier(regression), x, 1_000),
        "downstream gbt, to 1,000 labels": trees[1_000],
        "downstream gbt, 10,000 labels": trees[10_000],
    }


def show(seconds: dict[str, float], sklearn_seconds: dict[str, float]) -> None:
    table = Table("metric", "CPU s", "scikit-learn, CPU s", "ratio")
    for name, value in seconds.items():
        other = sklearn_seconds.get(name)
        table.add_row(
            name,
            "does not apply" if np.isnan(value) else f"{value:.2f}",
            f"{other:.0f}" if other else "",
            f"{other / value:.0f}" if other else "",
        )
    table.add_section()
    table.add_row("all", f"{np.nansum(list(seconds.values())):.1f}", "", "")
    console = Console()
    console.print(table)
    console.print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

"""Of two groups that score a run the larger one stays, factor by factor."""

import pandas as pd

from bench.columns import COLUMNS
from bench.table.joining import without_small_groups

SCORE = {
    "model": "vae", "dataset": "dsprites", "metric": "udr", "name": "udr_lasso", "representation": "mean",
    "version": 1, "seed": 0, "num_train": 10, "num_test": 0, "schedule": "quick: 1 steps",
}  # fmt: skip


def test_a_group_score_of_each_factor_is_that_of_the_largest_group() -> None:
    groups = {"small": ["a", "b"], "large": ["a", "b", "c"]}
    rows = [
        SCORE | {"run": run, "cell": cell, "factor": factor, "score": 10 * len(runs) + k}
        for cell, runs in groups.items() for run in runs for k, factor in enumerate(["shape", "scale", None])
    ]  # fmt: skip
    kept = without_small_groups(pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS))
    assert set(kept["cell"]) == {"large"}
    assert kept.groupby("run", observed=True)["score"].agg(list).to_dict() == {run: [30, 31, 32] for run in "abc"}

"""Metrics that rank runs alike are neighbours in the figure and have one cluster."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.scores.agreement import TooFewRunsError
from bench.report.figures.metric_clusters import metric_clusters


def made(
    noise: float = 0.01, names: tuple[str, ...] = ("mig", "dci_disentanglement", "modularity", "irs")
) -> pd.DataFrame:
    """60 runs of which MIG and DCI follow one quantity, modularity and IRS another."""
    rng, rows = np.random.default_rng(0), []
    metric = {"mig": "mig", "dci_disentanglement": "dci", "modularity": "modularity", "irs": "irs"}
    for setting in range(6):
        for seed in range(10):
            quantity = rng.uniform(0.2, 0.8, 2)
            for name in names:
                score = quantity[0 if name in ("mig", "dci_disentanglement") else 1] + noise * rng.normal()
                rows.append({
                    "run": f"{setting}-{seed}", "model": "beta_vae", "hyperparameter": "beta", "value": float(setting),
                    "strength_index": setting, "seed": seed, "dataset": "dsprites", "schedule": "quick",
                    "representation": "mean", "metric": metric[name], "name": name, "factor": None, "score": score,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_metrics_that_rank_runs_alike_are_neighbours_and_one_cluster() -> None:
    figure, cells = metric_clusters(made(), "dsprites", "quick")
    cluster = cells.groupby("row")["cluster"].first()
    assert cluster["mig"] == cluster["dci_disentanglement"] != cluster["modularity"] == cluster["irs"]
    order = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert abs(order.index("MIG") - order.index("DCI disentanglement")) == 1
    assert len(cells) == 16


def test_metrics_that_differ_are_clusters_of_their_own() -> None:
    _, cells = metric_clusters(made(noise=0.5), "dsprites", "quick")
    assert cells.groupby("row")["cluster"].first().nunique() == 4


def test_two_metrics_are_no_clustering() -> None:
    with pytest.raises(TooFewRunsError, match="2 disentanglement metrics, 3 needed"):
        metric_clusters(made(names=("mig", "irs")), "dsprites", "quick")

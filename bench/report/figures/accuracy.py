"""Downstream accuracy of the runs in the lowest, middle and highest third of a metric."""

import pandas as pd

from bench.analysis.names import accuracies, dataset_title, title
from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.analysis.scores.groups import GROUPS, accuracy_by_third
from bench.report.figures.panels import Drawn, each_dataset, label_edges, panel_grid, rng, standing
from bench.report.style import titled

LOOKS = (("#74a9cf", "o", ":"), ("#2b8cbe", "s", "--"), ("#023858", "^", "-"))  # of rising groups
PREDICTORS = {"lr": "Logistic regression", "gbt": "Boosted trees", "xgb": "XGBoost"}


def accuracy_by_dci(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figure 22: accuracy against number of labels for thirds of DCI disentanglement, a panel a data set."""
    return _accuracy_by(table, "dci_disentanglement", schedules)


def accuracy_by_mig(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figure 23: the same for thirds of MIG."""
    return _accuracy_by(table, "mig", schedules)


def _accuracy_by(table: pd.DataFrame, metric: str, schedules: str) -> Drawn:
    def analyse(scores: pd.DataFrame) -> pd.DataFrame:
        names = accuracies(scores.columns)
        if metric not in scores or not names:
            raise TooFewRunsError(f"no {metric} or no downstream accuracy")
        return accuracy_by_third(scores, metric, names, rng())

    thirds = each_dataset(wide(table), analyse)
    split = thirds["name"].str.rpartition("_")
    thirds = thirds.assign(predictor=split[0], labels=split[2].astype(int))
    sizes = sorted(set(thirds["labels"]))
    places = list(thirds.groupby(["dataset", "predictor"], sort=False))
    figure, axes, _ = panel_grid(len(places), 1.4, sharex=True)
    for ax, ((dataset, predictor), part) in zip(axes, places, strict=True):
        for third, (colour, marker, dash) in zip(GROUPS, LOOKS, strict=True):
            line = part[part["third"] == third].sort_values("labels")
            ax.plot(line["labels"], line["median"], dash, marker=marker, color=colour, label=third)
            ax.fill_between(line["labels"], line["low"], line["high"], color=colour, alpha=0.25, linewidth=0)
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set_title(f"{dataset_title(str(dataset))}\n{PREDICTORS.get(str(predictor), predictor)}")
    label_edges(axes, "labels", "accuracy")
    behind = standing(int(thirds.groupby("dataset")["runs"].first().sum()), int(thirds["seeds"].min()))
    heading = f"Accuracy of runs in each third of {title(metric)}"
    note = (
        "Lines: median over the runs of a third; bands: 95% interval over seeds, thirds formed anew in each draw. "
        "Each panel has a scale of its own."
    )
    titled(figure, heading, behind, schedules, note, axes[0].get_legend_handles_labels())
    return figure, thirds

"""Downstream accuracy of runs that a metric puts in its lowest, middle and highest third."""

import pandas as pd

from bench.analysis.agreement import TooFewRunsError, wide
from bench.analysis.groups import GROUPS, accuracy_by_third
from bench.analysis.names import accuracies, title
from bench.report.figures.panels import PAGE, Drawn, each_dataset, rng, standing, titled
from bench.report.style import dataset_title, new_figure

COLOURS = ("#9ecae1", "#4292c6", "#084594")  # of rising groups, told apart in grey too
PREDICTORS = {"lr": "Logistic regression", "gbt": "Boosted trees"}


def accuracy_by_dci(table: pd.DataFrame, budget: str) -> Drawn:
    """Figure 22: accuracy against number of labels for thirds of DCI disentanglement, a row a data set."""
    return _accuracy_by(table, "dci_disentanglement", budget)


def accuracy_by_mig(table: pd.DataFrame, budget: str) -> Drawn:
    """Figure 23: the same for thirds of MIG."""
    return _accuracy_by(table, "mig", budget)


def _accuracy_by(table: pd.DataFrame, metric: str, budget: str) -> Drawn:
    def analyse(scores: pd.DataFrame) -> pd.DataFrame:
        names = accuracies(scores.columns)
        if metric not in scores or not names:
            raise TooFewRunsError(f"no {metric} or no downstream accuracy")
        return accuracy_by_third(scores, metric, names, rng())

    found = each_dataset(wide(table), analyse)
    split = found["name"].str.rpartition("_")
    found = found.assign(predictor=split[0], labels=split[2].astype(int))
    datasets, predictors = list(dict.fromkeys(found["dataset"])), list(dict.fromkeys(found["predictor"]))
    sizes = sorted(set(found["labels"]))
    figure = new_figure(PAGE * 0.75, 1.4 + 1.6 * len(datasets))
    axes = figure.subplots(len(datasets), len(predictors), squeeze=False, sharex=True, sharey="row")
    for row, dataset in zip(axes, datasets, strict=True):
        for ax, predictor in zip(row, predictors, strict=True):
            part = found[found["dataset"].eq(dataset) & found["predictor"].eq(predictor)]
            for third, colour, marker in zip(GROUPS, COLOURS, "os^", strict=True):
                line = part[part["third"] == third].sort_values("labels")
                ax.plot(line["labels"], line["median"], marker=marker, markersize=4, color=colour, label=third)
                ax.fill_between(line["labels"], line["low"], line["high"], color=colour, alpha=0.25, linewidth=0)
            ax.set_xscale("log")
            ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
            ax.minorticks_off()
            ax.set_title(f"{dataset_title(str(dataset))}: {PREDICTORS.get(str(predictor), predictor)}", fontsize=9)
            ax.tick_params(labelsize=7)
        row[0].set_ylabel("accuracy", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("labels", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    said = standing(int(found.groupby("dataset")["runs"].first().sum()), int(found["seeds"].min()))
    heading = f"Accuracy by thirds of {title(metric)}: median with 95% interval"
    titled(figure, heading, said, budget, keys=(handles, labels))
    return figure, found

"""How many labels a code needs: accuracy against their number."""

from collections.abc import Iterator

from bench.analysis.efficiency import label_efficiency
from bench.report.figures.panels import PAGE, model_keys, palette_of, standing, titled
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import MARKERS, dataset_title, new_figure

PREDICTORS = {"lr": "logistic regression", "gbt": "boosted trees"}


def draw_label_efficiency(asked: Asked) -> Iterator[NamedDrawing]:
    """A row a data set, a column a predictor, a line a model."""
    found = label_efficiency(asked.table)
    datasets, predictors, models = (list(dict.fromkeys(found[c])) for c in ("dataset", "predictor", "model"))
    palette, markers = palette_of(asked.table), dict(zip(models, MARKERS * 3, strict=False))
    figure = new_figure(PAGE * 0.8, 1.3 + 2.0 * len(datasets))
    axes = figure.subplots(len(datasets), len(predictors), squeeze=False, sharex=True, sharey="row")
    for (dataset, predictor, model), line in found.groupby(["dataset", "predictor", "model"], sort=False):
        ax = axes[datasets.index(dataset), predictors.index(predictor)]
        line = line.sort_values("labels")
        ax.plot(
            line["labels"], line["mean"], color=palette[model], marker=markers[model], markersize=3.5, linewidth=1.2
        )
        ax.fill_between(line["labels"], line["low"], line["high"], color=palette[model], alpha=0.2, linewidth=0)
        ax.set_title(f"{dataset_title(dataset)}, {PREDICTORS.get(predictor, predictor)}", fontsize=9)
        ax.set_xscale("log")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy, mean over factors")
    for ax in axes[-1]:
        ax.set_xlabel("labels")
        ax.xaxis.set_major_formatter("{x:,.0f}")
    keys, labels = model_keys(models, palette)
    for key, model in zip(keys, models, strict=True):
        key.set(marker=markers[model], markersize=3.5)
    runs = int(found.groupby(["dataset", "model"])["runs"].first().sum())
    heading = "Accuracy against labels: mean over runs; band: 95% interval over seeds"
    titled(figure, heading, standing(runs, int(found["seeds"].min())), asked.plan.budget, keys=(keys, labels))
    yield "label_efficiency", figure, found

"""How many labels a code needs: accuracy against their number."""

from collections.abc import Iterator

from bench.analysis.names import dataset_title
from bench.analysis.scores.efficiency import label_efficiency
from bench.report.figures.panels import bottom_of, left_of, looks_of, model_keys, panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import titled

PREDICTORS = {"lr": "logistic regression", "gbt": "boosted trees", "xgb": "XGBoost"}


def draw_label_efficiency(asked: Asked) -> Iterator[NamedDrawing]:
    """A panel a data set and predictor, a line a model."""
    found = label_efficiency(asked.table)
    places = list(dict.fromkeys(zip(found["dataset"], found["predictor"], strict=True)))
    styles = looks_of(asked.table)
    figure, axes, _ = panel_grid(len(places), 1.5, sharex=True)
    panels = dict(zip(places, axes, strict=True))
    for (dataset, predictor, model), line in found.groupby(["dataset", "predictor", "model"], sort=False):
        ax = panels[dataset, predictor]
        line = line.sort_values("labels")
        ax.plot(line["labels"], line["mean"], **styles[model])
        ax.fill_between(line["labels"], line["low"], line["high"], color=styles[model]["color"], alpha=0.2, linewidth=0)
        ax.set_title(f"{dataset_title(dataset)},\n{PREDICTORS.get(predictor, predictor)}")
    for ax in left_of(axes):
        ax.set_ylabel("accuracy")
    sizes = sorted(set(found["labels"]))
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
    for ax in bottom_of(axes):
        ax.set_xlabel("labels")
    runs = int(found.groupby(["dataset", "model"])["runs"].first().sum())
    note = "Accuracy is a mean over factors. Lines: mean over runs; bands: 95% interval over seeds."
    keys = model_keys(list(dict.fromkeys(found["model"])), styles)
    behind = standing(runs, int(found["seeds"].min()))
    titled(figure, "Accuracy of downstream tasks against labels", behind, asked.plan.schedules, note, keys)
    yield "label_efficiency", figure, found

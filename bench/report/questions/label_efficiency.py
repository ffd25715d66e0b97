"""How many labels a code needs: accuracy against the number of labels."""

from collections.abc import Iterator

from bench.analysis.names import dataset_title
from bench.analysis.scores.efficiency import label_efficiency
from bench.report.figures.panels import label_edges, looks_of, model_keys, panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import titled

PREDICTORS = {"lr": "logistic regression", "gbt": "boosted trees", "xgb": "XGBoost"}


def draw_label_efficiency(study: Asked) -> Iterator[NamedDrawing]:
    """A panel a data set and predictor, a line a model."""
    efficiency = label_efficiency(study.table)
    places = list(dict.fromkeys(zip(efficiency["dataset"], efficiency["predictor"], strict=True)))
    styles = looks_of(study.table)
    figure, axes, _ = panel_grid(len(places), 1.5, sharex=True)
    panels = dict(zip(places, axes, strict=True))
    for (dataset, predictor, model), line in efficiency.groupby(["dataset", "predictor", "model"], sort=False):
        ax = panels[dataset, predictor]
        line = line.sort_values("labels")
        ax.plot(line["labels"], line["mean"], **styles[model])
        ax.fill_between(line["labels"], line["low"], line["high"], color=styles[model]["color"], alpha=0.2, linewidth=0)
        ax.set_title(f"{dataset_title(dataset)},\n{PREDICTORS.get(predictor, predictor)}")
    label_edges(axes, "labels", "accuracy")
    sizes = sorted(set(efficiency["labels"]))
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
    runs = int(efficiency.groupby(["dataset", "model"])["runs"].first().sum())
    note = "Accuracy is a mean over factors. Lines: mean over runs; bands: 95% interval over seeds."
    keys = model_keys(list(dict.fromkeys(efficiency["model"])), styles)
    behind = standing(runs, int(efficiency["seeds"].min()))
    titled(figure, "Accuracy of downstream tasks against labels", behind, study.plan.schedules, note, keys)
    yield "label_efficiency", figure, efficiency

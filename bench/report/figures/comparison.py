"""Models beside each other: which beats which, and how much of the scores the choice of a model explains."""

import pandas as pd

from bench.analysis.agreement import wide
from bench.analysis.comparison import model_comparison
from bench.analysis.names import title
from bench.analysis.significance import benjamini_hochberg
from bench.analysis.variance import variance_explained
from bench.report.figures.heatmaps import EXPLAINED, SHARE, heatmaps, reading
from bench.report.figures.panels import Drawn, dataset_scores, each_dataset, metrics_of
from bench.report.style import dataset_title, model_title


def model_comparisons(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """The probability that a run of one model (row) scores higher than one of another (column), a panel a score."""
    scores = dataset_scores(table, dataset)
    cells = model_comparison(scores, metrics_of(table, scores))
    once = cells["row"] < cells["column"]
    q = cells.loc[once, ["name", "row", "column"]].assign(q=benjamini_hochberg(cells.loc[once, "p"]))
    back = q.rename(columns={"row": "column", "column": "row"})
    cells = cells.merge(pd.concat([q, back]), on=["name", "row", "column"])
    models = sorted(set(cells["row"]))
    order = [(n, a, b) for n in dict.fromkeys(cells["name"]) for a in models for b in models]
    full = cells.set_index(["name", "row", "column"]).reindex(order).reset_index()  # a model beside itself: missing
    full = full.assign(runs=cells["runs"].iloc[0])
    words = (
        f"{dataset_title(dataset)}: chance in % that a run of the row's model\nscores higher than one of the column's; "
        f"{reading(cells, '50')}"
    )
    return heatmaps(full, "name", SHARE, (title, model_title, model_title), words, budget), cells


def variance_by_model(table: pd.DataFrame, budget: str) -> Drawn:
    """Table 5: variance of each score explained by the model, and by model x strength, a row a data set."""

    def analyse(scores: pd.DataFrame) -> pd.DataFrame:
        return variance_explained(scores, metrics_of(table, scores))

    cells = each_dataset(wide(table), analyse)
    cells = cells.assign(row=cells["dataset"], column=cells["name"])
    words = (
        "Variance explained (omega squared), %\n"
        f"{cells.groupby('dataset')['runs'].first().sum():,} runs, {cells['seeds'].min()} seeds a setting"
    )
    panels = {"model": "by the model", "model x strength": "by model and strength"}
    titles = (lambda by: panels[by], dataset_title, title)
    figure = heatmaps(cells.drop(columns="runs"), "by", EXPLAINED, titles, words, budget)
    return figure, cells.drop(columns=["row", "column"])

"""Models compared: which beats which, and how much of the scores' variance the choice of a model explains."""

import pandas as pd

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.scores.agreement import adjusted, wide
from bench.analysis.scores.superiority import model_comparison
from bench.analysis.scores.variance import variance_explained
from bench.report.figures.heatmaps import EXPLAINED, SHARE, heatmaps, reading
from bench.report.figures.panels import Drawn, dataset_scores, each_dataset, metrics_of, shown_of, standing
from bench.report.style import titled

BY = {"model": "By the model", "model x strength": "By model and strength"}


def model_comparisons(table: pd.DataFrame, dataset: str, schedules: str) -> Drawn:
    """The probability that a run of one model (row) scores higher than one of another (column), a panel a score."""
    scores = dataset_scores(table, dataset)
    cells = model_comparison(scores, metrics_of(table, scores))
    cells = adjusted(cells, "name")
    models = sorted(set(cells["row"]))
    order = [(n, a, b) for n in dict.fromkeys(cells["name"]) for a in models for b in models]
    full = cells.set_index(["name", "row", "column"]).reindex(order).reset_index()  # missing on the diagonal
    figure = heatmaps(full, "name", SHARE, (title, model_title, model_title))
    heading = f"{dataset_title(dataset)}: chance in % that the row's model scores higher than the column's"
    note = f"A run of each is drawn at random. {reading(cells, '50')}"
    titled(figure, heading, standing(cells["runs"].iloc[0], cells["seeds"].min()), schedules, note)
    return figure, cells


def variance_by_model(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Table 5: variance of each score explained by the model, and by model x strength, a row a data set."""
    scores = wide(table)
    names = shown_of(metrics_of(table, scores), every)
    shares = each_dataset(scores, lambda s: variance_explained(s, [n for n in metrics_of(table, s) if n in names]))
    cells = shares.assign(row=shares["dataset"], column=shares["name"])
    figure = heatmaps(cells, "by", EXPLAINED, (lambda by: BY[by], dataset_title, title))
    runs = shares.groupby("dataset")["runs"].first().sum()
    titled(figure, "Variance of scores explained (omega squared), %", standing(runs, shares["seeds"].min()), schedules)
    return figure, shares

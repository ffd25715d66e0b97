"""Which metrics are the same metric? Rank correlations in the order of a clustering, its tree beside them."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import dendrogram, fcluster, linkage
from scipy.spatial.distance import squareform

from bench.analysis.names import dataset_title, title
from bench.analysis.scores.agreement import TooFewRunsError, adjusted, rank_correlations
from bench.report.figures.heatmaps import CELL, CORRELATION, heatmap, reading
from bench.report.figures.panels import Drawn, dataset_scores, metrics_of, standing
from bench.report.style import LABEL, NOTE, PAD, PAGE, TICK, breadth, new_figure, titled

SAME = 0.8  # rank correlation from which two metrics say nearly the same
TREE = 0.22  # share of the width


def metric_clusters(table: pd.DataFrame, dataset: str, schedules: str) -> Drawn:
    """Headline scores of every metric: average linkage of 1 - Spearman, and the correlations in its order.

    Returns:
        The figure, and the cells of the heat map with the cluster of each row: scores whose mean correlation is `SAME`.
    """
    scores = dataset_scores(table, dataset)
    metrics = metrics_of(table, scores, least=3)
    cells = adjusted(rank_correlations(scores, metrics, metrics).assign(dataset=dataset))
    rho = cells.pivot(index="row", columns="column", values="spearman")
    varied = [name for name in dict.fromkeys(cells["row"]) if rho[name].notna().sum() > 1]
    if len(varied) < 3:
        raise TooFewRunsError(f"{len(varied)} scores that vary, 3 needed")
    apart = 1 - rho.loc[varied, varied].to_numpy()
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average")
    clusters = dict(zip(varied, fcluster(tree, 1 - SAME, "distance").tolist(), strict=True))
    figure = new_figure(PAGE, CELL * len(varied) + 1.0)
    left, right = figure.subplots(1, 2, width_ratios=[TREE, 1 - TREE])
    branches = dendrogram(
        tree, orientation="left", ax=left, labels=varied, color_threshold=0, above_threshold_color="0.3"
    )
    order = branches["ivl"][::-1]
    left.set_xlabel("1 - Spearman", size=LABEL)
    left.set_yticks([])
    left.spines[["left", "top", "right"]].set_visible(False)
    left.axvline(1 - SAME, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
    left.tick_params(axis="x", labelsize=TICK)
    shown = cells.set_index(["row", "column"]).reindex([(a, b) for a in order for b in order]).reset_index()
    below = max(breadth(figure, title(name), LABEL) for name in order) + PAD
    figure.set_figheight(figure.get_figheight() + below * 0.7)
    heatmap(right, shown, CORRELATION, (title, title), size=NOTE if len(order) > 14 else TICK)
    groups = [[title(n) for n in order if clusters[n] == c] for c in dict.fromkeys(clusters[n] for n in order)]
    together = "; ".join(", ".join(group) for group in groups if len(group) > 1) or "none"
    pairs = shown[shown["row"] < shown["column"]]
    sure = int((pairs["low"] > SAME).sum())
    note = (
        f"Tree: average linkage; dotted: a mean correlation of {SAME:g}. Scores that join below it: {together}. "
        f"Of {len(pairs)} pairs {sure} have an interval above {SAME:g}. {reading(shown, '0')}"
    )
    heading = f"{dataset_title(dataset)}: which metrics rank runs alike (Spearman x 100)"
    titled(figure, heading, standing(shown["runs"].max(), shown["seeds"].min()), schedules, note)
    return figure, shown.assign(cluster=shown["row"].map(clusters))

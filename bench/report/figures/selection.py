"""What comes of picking a run without factors."""

import pandas as pd

from bench.analysis.names import UNSUPERVISED, title
from bench.analysis.selection import unsupervised_selection, with_sampled_tc
from bench.report.figures.panels import Drawn, metrics_of, panel_grid, rng, standing, titled
from bench.report.style import dataset_title


def selected_runs(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Each metric of the run that an unsupervised score picks, beside the best, median and worst run."""
    scores = with_sampled_tc(table[table["dataset"] == dataset]).dropna(axis="columns", how="all")
    names = metrics_of(table, scores)
    found = unsupervised_selection(scores, names, rng())
    order = list(dict.fromkeys(found["by"]))
    figure, axes = panel_grid(len(names), 3, 0.55 + 0.17 * len(order), sharey=True)
    for ax, name in zip(axes, names, strict=True):
        for place, line in enumerate(found[found["metric"] == name].itertuples()):
            colour, marker = ("#0173b2", "o") if line.by in UNSUPERVISED else ("0.45", "|")
            ax.plot([line.low, line.high], [place, place], color=colour, linewidth=1.4)
            ax.plot([line.score], [place], marker=marker, markersize=5, color=colour)
        ax.set_title(title(name), fontsize=9)
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=7)
    axes[0].set_yticks(range(len(order)), [_label(by) for by in order], fontsize=8)
    axes[0].invert_yaxis()
    first = found.iloc[0]
    heading = f"{dataset_title(dataset)}: metrics of the run picked by an unsupervised score; line: 95% interval"
    titled(figure, heading, standing(int(first["runs"]), int(first["seeds"])), budget)
    return figure, found


def _label(by: str) -> str:
    if by not in UNSUPERVISED:
        return by
    name = title(by) if title(by).isupper() or "(" in title(by) else title(by).lower()
    return f"{'highest' if UNSUPERVISED[by] else 'lowest'} {name}"

"""Dependence between the dimensions of mean codes and of sampled codes."""

import pandas as pd

from bench.analysis.names import MI, TC, dataset_title, title
from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.analysis.scores.strengths import against_strength, of_runs
from bench.report.figures.panels import (
    Drawn,
    label_edges,
    left_of,
    looks_of,
    model_keys,
    panel_grid,
    scatter,
    sizes_of,
    standing_of,
)
from bench.report.figures.strengths import MEDIANS, strength_axis, strength_lines
from bench.report.style import titled

SMALL = 1e-3  # nats below which the axis of total correlation is linear
KINDS = ("sampled", "mean")


def total_correlation(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figures 1, 8, 9, 25 and 26: Gaussian total correlation of sampled and of mean codes against strength."""
    return _against_strength(table, TC, "symlog", schedules)


def mutual_information(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figures 27 and 28: mean mutual information of two dimensions of sampled and of mean codes against strength."""
    return _against_strength(table, MI, "linear", schedules)


def _against_strength(table: pd.DataFrame, name: str, scale: str, schedules: str) -> Drawn:
    """A panel a data set and representation; on a linear scale each has its own, because they differ much."""
    _needs_both(table, name)
    lines = pd.concat([against_strength(table, [name], k).assign(representation=k) for k in KINDS])
    places = [(d, k) for d in dict.fromkeys(lines["dataset"]) for k in KINDS]
    figure, axes, hole = panel_grid(len(places), 1.75, sharex=True)
    styles = looks_of(table)
    for ax, (dataset, kind) in zip(axes, places, strict=True):
        part = lines[lines["dataset"].eq(dataset) & lines["representation"].eq(kind)]
        strength_lines(ax, part, styles)
        ax.set_title(f"{dataset_title(str(dataset))},\n{kind} codes")
        if scale == "symlog":
            ax.set_yscale(scale, linthresh=SMALL)
            ax.yaxis.set_major_formatter("{x:g}")  # the exponents of powers of ten are too small to read
        shown = lines if scale == "symlog" else part
        ax.set_ylim(0, float(shown[["median", "high"]].max(axis=None)) * (2 if scale == "symlog" else 1.05))
    for ax in left_of(axes):
        ax.set_ylabel(f"{title(name).lower()} (nats)")
    values_note = strength_axis(axes, lines)
    rows = of_runs(table[table["strength_index"].notna()], [name], "sampled")
    scale_note = "" if scale == "symlog" else " Each panel has a scale of its own."
    heading, note = f"{title(name)} of the dimensions of codes", f"{MEDIANS}{scale_note}{values_note}"
    keys = model_keys(sorted(lines["model"].unique()), styles)
    titled(figure, heading, sizes_of(rows), schedules, note, keys, hole)
    return figure, lines.reset_index(drop=True)


def total_correlation_scatter(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figure 10: Gaussian total correlation of mean against sampled codes, both logarithmic, a point a run."""
    _needs_both(table, TC)
    both = pd.DataFrame({k: wide(table, k)[TC] for k in KINDS}).dropna()
    points = both.reset_index()
    datasets = list(dict.fromkeys(points["dataset"]))
    figure, axes, hole = panel_grid(len(datasets), 2.1, sharex=True, sharey=True)
    styles = looks_of(table)
    top = float(both.to_numpy().max()) * 1.5
    for ax, dataset in zip(axes, datasets, strict=True):
        of_dataset = points[points["dataset"] == dataset]
        scatter(ax, of_dataset["sampled"], of_dataset["mean"], of_dataset["model"], styles)
        ax.plot([0, top], [0, top], color="0.6", linewidth=0.8, linestyle="--")
        ax.set_xscale("symlog", linthresh=SMALL)
        ax.set_yscale("symlog", linthresh=SMALL)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter("{x:g}")
        ax.set(xlim=(0, top), ylim=(0, top))
        ax.set_title(f"{dataset_title(str(dataset))} ({len(of_dataset):,} runs)")
    label_edges(axes, "sampled codes (nats)", "mean codes (nats)")
    keys = model_keys(sorted(points["model"].unique()), styles, line=False)
    heading, note = "Total correlation of mean and of sampled codes", "A point is a run; dashed: both are equal."
    titled(figure, heading, standing_of(both), schedules, note, keys, hole)
    return figure, points


def _needs_both(table: pd.DataFrame, name: str) -> None:
    present = set(table.loc[table["name"] == name, "representation"].dropna())
    if missing := [k for k in KINDS if k not in present]:
        raise TooFewRunsError(
            f"{title(name).lower()} of {' and of '.join(missing)} codes is not in the table: "
            "score with scoring.representations=[mean,sampled] and metric unsupervised"
        )

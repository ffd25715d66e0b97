"""The paper's figures from a score table: one function a figure."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.agreement import MIN_SEEDS, TooFewRunsError, rank_correlations, wide
from bench.analysis.names import disentanglement_scores, downstream_scores, efficiencies, title
from bench.grid import Plan
from bench.report.style import MARKERS, colours, dataset_title, footnote, new_figure, remove, save

Drawn = tuple[Figure, pd.DataFrame]
SEED = 2019


def draw_all(table: pd.DataFrame, plan: Plan, folder: Path) -> Iterator[str]:
    """Draw every figure into a study's folder; yield a line for each: where it is, or why it was not drawn."""
    figures: dict[str, Callable[[], Drawn]] = {
        "fig2_metric_agreement": partial(metric_agreement, table, plan.budget),
        "fig5_metrics_and_downstream": partial(metrics_and_downstream, table, plan.budget),
    }
    for dataset in dict.fromkeys(r.dataset for r in plan.runs):
        figures[f"fig6_efficiency_{dataset}"] = partial(efficiency_scatter, table, dataset, plan.budget)
    for name, draw in figures.items():
        stem = folder / "figures" / name
        try:
            figure, drawn = draw()
        except TooFewRunsError as reason:
            remove(stem)
            yield f"{name}: not drawn: {reason}"
        else:
            yield f"{name}: {save(figure, drawn, stem, f'python -m bench analyze study={plan.name}')[1]}"


def metric_agreement(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 2 and 12: rank correlation of the disentanglement metrics with each other, a panel a data set."""

    def chosen(scores: pd.DataFrame) -> tuple[list[str], list[str]]:
        names = [n for n in disentanglement_scores(table) if n in scores.columns]
        return names, names

    drawn = _correlations(table, chosen, least=2)
    return _heatmaps(drawn, budget, "Rank correlation of metrics"), drawn


def metrics_and_downstream(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 5 and 19: rank correlation of metrics with downstream accuracy and statistical efficiency."""

    def chosen(scores: pd.DataFrame) -> tuple[list[str], list[str]]:
        return [n for n in disentanglement_scores(table) if n in scores.columns], downstream_scores(scores.columns)

    drawn = _correlations(table, chosen, least=1)
    return _heatmaps(drawn, budget, "Rank correlation of metrics with downstream accuracy and efficiency"), drawn


def efficiency_scatter(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 6, 20 and 21: statistical efficiency against each metric on one data set, a point a run."""
    scores = _of(table, dataset)
    names = [n for n in disentanglement_scores(table) if n in scores.columns]
    ratios = efficiencies(scores.columns)
    if not names or not ratios:
        raise TooFewRunsError(f"{dataset} has {len(names)} metrics and {len(ratios)} efficiencies")
    drawn = pd.concat([_points(scores, n, e) for e in ratios for n in names], ignore_index=True)
    figure = new_figure(max(5.5, 2.0 + 1.9 * len(names)), 1.0 + 1.75 * len(ratios))
    axes = figure.subplots(len(ratios), len(names), squeeze=False, sharex="col", sharey="row")
    palette = colours(sorted(drawn["model"].unique()))
    for (ratio, name), ax in zip([(e, n) for e in ratios for n in names], axes.flat, strict=True):
        _scatter(ax, drawn[drawn["efficiency"].eq(ratio) & drawn["metric"].eq(name)], palette)
    for ax, name in zip(axes[-1], names, strict=True):
        ax.set_xlabel(title(name))
    for ax, ratio in zip(axes[:, 0], ratios, strict=True):
        ax.set_ylabel(title(ratio))
    seeds = int(drawn["seeds"].min())
    heading = f"{dataset_title(dataset)} ({len(scores)} runs, {seeds} seeds a setting)\nρ: Spearman [95% interval]"
    figure.suptitle(heading, fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    footnote(figure, f"{_sizes(scores)}\n{budget}")
    return figure, drawn


def _sizes(scores: pd.DataFrame) -> str:
    """What the numerator and denominator of the efficiencies are."""
    most = max(int(n.partition("_")[2]) for n in downstream_scores(scores.columns) if n[-1].isdigit())
    return f"efficiency: accuracy with 100 labels / with {most:,}"


def _points(scores: pd.DataFrame, name: str, ratio: str) -> pd.DataFrame:
    """A row a run: both scores, and their rank correlation with its interval."""
    pair = scores[[name, ratio]].dropna()
    correlation = rank_correlations(pair, [name], [ratio], np.random.default_rng(SEED)).iloc[0]
    rows = pair.set_axis(["score", "efficiency_score"], axis="columns").reset_index()
    return rows.assign(metric=name, efficiency=ratio, **correlation[["spearman", "low", "high", "runs", "seeds"]])


def _scatter(ax: Axes, points: pd.DataFrame, palette: dict[str, Any]) -> None:
    for marker, (model, group) in zip(MARKERS * 9, points.groupby("model"), strict=False):
        ax.scatter(group["score"], group["efficiency_score"], s=16, marker=marker, color=palette[model], label=model)
    first = points.iloc[0]
    if np.isfinite(first["spearman"]):
        text = f"ρ = {first['spearman']:.2f} [{first['low']:.2f}, {first['high']:.2f}]"
        ax.set_title(text, fontsize=7.5, loc="left", color="0.3")


def _correlations(
    table: pd.DataFrame, chosen: Callable[[pd.DataFrame], tuple[list[str], list[str]]], least: int
) -> pd.DataFrame:
    parts, reasons = [], []
    for dataset in table["dataset"].unique():
        scores = _of(table, dataset)
        rows, columns = chosen(scores)
        if len(rows) < least or not columns:
            reasons.append(f"{dataset} has {len(rows)} metrics and {len(columns)} scores to compare with")
            continue
        try:
            part = rank_correlations(scores, rows, columns, np.random.default_rng(SEED))
        except TooFewRunsError as reason:
            reasons.append(f"{dataset}: {reason}")
        else:
            parts.append(part.assign(dataset=dataset))
    if not parts:
        raise TooFewRunsError("; ".join(reasons) or "there are no scores")
    return pd.concat(parts, ignore_index=True)


def _of(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Scores of one data set, one row a run."""
    return wide(table[table["dataset"] == dataset]).dropna(axis="columns", how="all")


def _heatmaps(drawn: pd.DataFrame, budget: str, heading: str) -> Figure:
    panels = list(drawn.groupby("dataset", sort=False))
    rows, columns = (max(part[axis].nunique() for _, part in panels) for axis in ("row", "column"))
    across = 1 if columns > 5 else min(3, len(panels))
    down = -(-len(panels) // across)
    heights = [part["row"].nunique() for _, part in panels] if across == 1 else [rows] * down
    figure = new_figure(across * (0.5 * columns + 1.5), 0.42 * sum(heights) + 0.4 * down + 1.9)
    axes = figure.subplots(down, across, squeeze=False, sharex=across == 1, height_ratios=heights)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for ax, (dataset, part) in zip(axes.flat, panels, strict=False):
        _heatmap(ax, part)
        ax.set_title(f"{dataset_title(str(dataset))} ({part['runs'].iloc[0]} runs)", fontsize=9)
    figure.suptitle(f"{heading}\nSpearman x 100; {_reading(drawn)}", fontsize=9)
    footnote(figure, budget)
    return figure


def _reading(drawn: pd.DataFrame) -> str:
    """What the type of the numbers says: nothing where the intervals rest on too few seeds."""
    seeds = int(drawn["seeds"].min())
    if seeds < MIN_SEEDS:
        return f"{seeds} seed{'s' if seeds > 1 else ''} a setting: too few to call any sure"
    return "bold: 95% interval excludes 0"


def _heatmap(ax: Axes, part: pd.DataFrame) -> None:
    names = [list(dict.fromkeys(part[axis])) for axis in ("row", "column")]
    tables = {v: part.pivot(index="row", columns="column", values=v).loc[*names] for v in ("spearman", "low", "high")}
    sns.heatmap(
        100 * tables["spearman"], ax=ax, vmin=-100, vmax=100, cmap="vlag", annot=True, fmt="z.0f", linewidths=0.6,
        annot_kws={"size": 8}, cbar=False, xticklabels=[title(n) for n in names[1]],
        yticklabels=[title(n) for n in names[0]],
    )  # fmt: skip
    ax.set_facecolor("0.9")  # an undefined correlation shows no colour and no number
    excluded = (tables["low"] > 0) | (tables["high"] < 0)
    sure = excluded.to_numpy()[tables["spearman"].notna().to_numpy()] & (part["seeds"].iloc[0] >= MIN_SEEDS)
    for text, bold in zip(ax.texts, sure, strict=True):
        text.set_fontweight("bold" if bold else "normal")
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="both", length=0)
    ax.tick_params(axis="y", rotation=0)
    for label in ax.get_xticklabels():
        label.set(rotation=50, ha="right", rotation_mode="anchor")

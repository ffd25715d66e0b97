"""The paper's figures from a score table: one function a figure."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from bench.analysis.agreement import TooFewRunsError, rank_correlations, wide
from bench.analysis.names import disentanglement_scores, downstream_scores, efficiencies, title
from bench.grid import Plan
from bench.report.style import MARKERS, colours, dataset_title, footnote, new_figure, save

Drawn = tuple[Figure, pd.DataFrame]
SEED = 2019


def draw_all(table: pd.DataFrame, plan: Plan, folder: Path) -> Iterator[str]:
    """Draw every figure into a study's folder; yield a line for each: where it is, or why it was not drawn."""
    figures: dict[str, Callable[[pd.DataFrame, str], Drawn]] = {
        "fig2_metric_agreement": metric_agreement,
        "fig5_metrics_and_downstream": metrics_and_downstream,
        "fig6_efficiency": efficiency_scatter,
    }
    for name, draw in figures.items():
        stem = folder / "figures" / name
        try:
            figure, drawn = draw(table, plan.budget)
        except TooFewRunsError as reason:
            for old in (stem.with_suffix(s) for s in (".pdf", ".png", ".csv")):
                old.unlink(missing_ok=True)
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


def efficiency_scatter(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 6, 20 and 21: statistical efficiency against each metric, a point a run."""
    drawn = pd.DataFrame(_efficiency_points(table))
    if drawn.empty:
        raise TooFewRunsError("no data set has enough runs with both a metric and an efficiency")
    rows = list(dict.fromkeys(zip(drawn["dataset"], drawn["efficiency"], strict=True)))
    names = list(dict.fromkeys(drawn["metric"]))
    figure = new_figure(1.2 + 2.1 * len(names), 0.7 + 1.9 * len(rows))
    axes = figure.subplots(len(rows), len(names), squeeze=False, sharex="col", sharey="row")
    palette = colours(sorted(drawn["model"].unique()))
    for i, (dataset, efficiency) in enumerate(rows):
        for j, name in enumerate(names):
            mine = drawn["dataset"].eq(dataset) & drawn["efficiency"].eq(efficiency) & drawn["metric"].eq(name)
            _scatter(axes[i, j], drawn[mine], palette)
            axes[i, j].set_xlabel(title(name) if i == len(rows) - 1 else "")
        axes[i, 0].set_ylabel(f"{dataset_title(dataset)}\n{title(efficiency)}")
    handles, labels = max((a.get_legend_handles_labels() for a in axes.flat), key=lambda h: len(h[1]))
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    footnote(figure, f"{_sizes(table)}; {budget}")
    return figure, drawn


def _sizes(table: pd.DataFrame) -> str:
    """What the numerator and denominator of the efficiencies are."""
    labels = sorted({int(n.partition("_")[2]) for n in downstream_scores(table["name"].unique()) if n[-1].isdigit()})
    return f"efficiency: accuracy with 100 labels / with {labels[-1]:,}" if labels else "no accuracies"


def _efficiency_points(table: pd.DataFrame) -> Iterator[dict[str, object]]:
    for dataset, scores in _by_dataset(table):
        names = [n for n in disentanglement_scores(table) if n in scores.columns]
        for efficiency in efficiencies(scores.columns):
            for name in names:
                pair = scores[[name, efficiency]].dropna()
                try:
                    correlation = rank_correlations(pair, [name], [efficiency], np.random.default_rng(SEED)).iloc[0]
                except TooFewRunsError:
                    continue
                for index, (x, y) in zip(pair.index, pair.to_numpy(), strict=True):
                    yield {
                        "dataset": dataset,
                        "model": index[1],
                        "value": index[2],
                        "seed": index[3],
                        "run": index[4],
                        "metric": name,
                        "score": x,
                        "efficiency": efficiency,
                        "efficiency_score": y,
                        **{k: correlation[k] for k in ("spearman", "low", "high", "runs")},
                    }


def _scatter(ax, points: pd.DataFrame, palette: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    if points.empty:
        ax.set_axis_off()
        return
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
    for dataset, scores in _by_dataset(table):
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


def _by_dataset(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    scores = wide(table)
    for dataset in scores.index.unique("dataset"):
        yield dataset, scores.xs(dataset, drop_level=False).dropna(axis="columns", how="all")


def _heatmaps(drawn: pd.DataFrame, budget: str, heading: str) -> Figure:
    panels = list(drawn.groupby("dataset", sort=False))
    shapes = [(part["row"].nunique(), part["column"].nunique()) for _, part in panels]
    widths = [0.55 * columns + 0.4 for _, columns in shapes]
    figure = new_figure(1.9 + sum(widths), 2.2 + 0.42 * max(rows for rows, _ in shapes))
    axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
    for ax, (dataset, part) in zip(axes, panels, strict=True):
        matrix = part.pivot(index="row", columns="column", values="spearman")
        matrix = matrix.loc[list(dict.fromkeys(part["row"])), list(dict.fromkeys(part["column"]))]
        sns.heatmap(
            100 * matrix,
            ax=ax, vmin=-100, vmax=100, cmap="vlag", annot=True, fmt=".0f", annot_kws={"size": 8}, linewidths=0.6,
            square=True, cbar=False, xticklabels=[title(n) for n in matrix.columns],
            yticklabels=[title(n) for n in matrix.index],
        )  # fmt: skip
        ax.set_facecolor("0.9")  # an undefined correlation shows no colour and no number
        ax.set(title=f"{dataset_title(str(dataset))} ({part['runs'].iloc[0]} runs)", xlabel="", ylabel="")
        ax.tick_params(axis="x", rotation=60, length=0)
        ax.tick_params(axis="y", rotation=0, length=0)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    figure.suptitle(f"{heading} (Spearman x 100)", fontsize=10)
    footnote(figure, budget)
    return figure

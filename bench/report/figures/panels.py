"""What figures share: scores of each data set, panels in a grid, and the words that say what stands behind them."""

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import registry
from bench.analysis.agreement import MIN_SEEDS, TooFewRunsError, settings, wide
from bench.analysis.names import disentanglement_scores
from bench.report.style import colours, footnote, model_title, new_figure

Drawn = tuple[Figure, pd.DataFrame]
SEED = 2019
PAGE = 7.2  # inches: the width of a page; half of it is a column
PAD, LINE = 0.05, 0.155  # inches above the heading, and of a line of it
POINTS = {"marker": "o", "linestyle": "", "markersize": 4}  # how a legend shows a scatter


def rng() -> np.random.Generator:
    """The generator of a figure's bootstrap: each figure's own, so that none depends on another."""
    return np.random.default_rng(SEED)


def dataset_scores(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Scores of the mean codes of one data set, one row a run.

    Raises:
        TooFewRunsError: there are none.
    """
    scores = wide(table[table["dataset"] == dataset]).dropna(axis="columns", how="all")
    if scores.empty:
        raise TooFewRunsError(f"there are no scores of {dataset}")
    return scores


def metrics_of(table: pd.DataFrame, scores: pd.DataFrame, least: int = 1) -> list[str]:
    """Headline scores of disentanglement metrics that some run has.

    Raises:
        TooFewRunsError: fewer than `least`.
    """
    names = [n for n in disentanglement_scores(table) if n in scores.columns and scores[n].notna().any()]
    if len(names) < least:
        raise TooFewRunsError(f"{len(names)} disentanglement metrics, {least} needed")
    return names


def each_dataset(scores: pd.DataFrame, analyse: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """An analysis of the runs of each data set, one below the other; data sets that have too few are left out.

    Raises:
        TooFewRunsError: all have too few; the message has the reason of each.
    """
    parts, reasons = [], []
    for dataset in scores.index.unique("dataset"):
        own = scores[scores.index.get_level_values("dataset") == dataset].dropna(axis="columns", how="all")
        try:
            parts.append(analyse(own).assign(dataset=dataset))
        except TooFewRunsError as reason:
            reasons.append(f"{dataset}: {reason}")
    if not parts:
        raise TooFewRunsError("; ".join(reasons) or "there are no scores")
    return pd.concat(parts, ignore_index=True)


def panel_grid(count: int, across: int, height: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A page-wide figure of `count` panels, `across` in a row (fewer panels: narrower), each of a height in inches."""
    across = min(across, count)
    down = -(-count // across)
    width = PAGE if across > 1 else PAGE * 0.62
    figure = new_figure(width, 1.1 + height * down)
    axes = list(figure.subplots(down, across, squeeze=False, **shared).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def titled(
    figure: Figure,
    heading: str,
    standing: str,
    budget: str,
    note: str = "",
    keys: tuple[list[Line2D], list[str]] | None = None,
) -> None:
    """Above: what it shows, how many runs and seeds stand behind it, the legend; below: what else to know, the budget.

    The legend has lines of the heading kept free for it: the layout would put it over the heading.
    """
    width = figure.get_figwidth()
    lines = textwrap.wrap(heading, int(13 * width)) + textwrap.wrap(standing, int(13 * width))
    free = 0
    if keys is not None:
        handles, labels = keys
        fitting = max(1, int(width / (0.055 * max(map(len, labels)) + 0.5)))
        free = -(-len(labels) // fitting)
        columns = -(-len(labels) // free)
        top = 1 - (PAD + LINE * len(lines)) / figure.get_figheight()
        figure.legend(
            handles, labels, loc="upper center", bbox_to_anchor=(0.5, top), ncols=columns, frameon=False, borderpad=0.2,
            borderaxespad=0, labelspacing=0.2, columnspacing=1.3, handletextpad=0.5,
        ).set_in_layout(False)  # fmt: skip
    figure.suptitle("\n".join([*lines, *[" "] * free]), fontsize=9)
    footnote(figure, f"{note}\n{budget}" if note else budget)


def standing(runs: int, seeds: int) -> str:
    """How many runs, and seeds a setting, in words."""
    few = ": too few to be sure of anything" if seeds < MIN_SEEDS else ""
    return f"{runs:,} runs, {seeds} seed{'s' if seeds != 1 else ''} a setting{few}"


def standing_of(scores: pd.DataFrame) -> str:
    """The same, of a wide table."""
    return standing(len(scores), min(Counter(settings(scores)).values()))


def sizes_of(rows: pd.DataFrame) -> str:
    """The same, of a long table with a row a run and score."""
    runs = rows.drop_duplicates("run")
    return standing(len(runs), int(runs.groupby(["dataset", "model", "value"], dropna=False).size().min()))


def model_keys(models: Sequence[str], palette: dict[str, Any], **line: Any) -> tuple[list[Line2D], list[str]]:
    """Handles and labels of a legend of models; lines unless `line` says otherwise."""
    return [Line2D([], [], color=palette[m], **line) for m in models], [model_title(m) for m in models]


def palette_of(table: pd.DataFrame) -> dict[str, Any]:
    """The colour of each model, the same in every figure of a study; names from elsewhere change no other's."""
    suite = set(registry.names("models"))
    return colours(sorted(table["model"].unique(), key=lambda model: (model not in suite, model)))


def scatter(ax: Axes, x: pd.Series, y: pd.Series, models: pd.Series, palette: dict[str, Any]) -> None:
    """Points in the colours of their models, in random order so that none lies on top for its name."""
    order = rng().permutation(len(x))
    size = float(np.clip(1500 / len(x), 2.5, 14))
    colour = np.array([palette[m] for m in models])[order]
    many = len(x) > 500
    ax.scatter(x.to_numpy()[order], y.to_numpy()[order], s=size, c=colour, linewidth=0, alpha=0.6 if many else 0.85,
               rasterized=many)  # fmt: skip
    ax.tick_params(labelsize=7)

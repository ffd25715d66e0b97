"""Parts of many figures: scores of each data set, panels in a grid, and the number of runs and seeds in words."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import IdentityTransform

from bench import registry
from bench.analysis.names import PAPER, disentanglement_scores, model_title
from bench.analysis.scores.agreement import MIN_SEEDS, TooFewRunsError, settings, wide
from bench.report.style import COLUMN, PAGE, Picture, key_of, looks, new_figure
from bench.values import counted

Drawn = tuple[Picture, pd.DataFrame]
Looks = dict[str, dict[str, Any]]
SEED = 2019
ABREAST = 6  # small panels side by side on a page


def rng() -> np.random.Generator:
    """A random generator for one figure: each figure has its own, so that none depends on another."""
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
    """An analysis of the runs of each data set, concatenated; data sets with too few runs are left out.

    Raises:
        TooFewRunsError: all have too few; the message gives the reason for each.
    """
    parts, reasons = [], []
    for dataset in scores.index.unique("dataset"):
        of_dataset = scores[scores.index.get_level_values("dataset") == dataset].dropna(axis="columns", how="all")
        try:
            parts.append(analyse(of_dataset).assign(dataset=dataset))
        except TooFewRunsError as reason:
            reasons.append(f"{dataset}: {reason}")
    if not parts:
        raise TooFewRunsError("; ".join(reasons) or "there are no scores")
    return pd.concat(parts, ignore_index=True)


def shown_of(names: Sequence[str], every: bool) -> list[str]:
    """The metrics of an analysis that a figure shows: the paper's, or every one.

    Raises:
        TooFewRunsError: there are none of the paper, or with `every` no others.
    """
    papers = [n for n in names if n in PAPER.values()]
    if every and len(papers) == len(names):
        raise TooFewRunsError("there are no disentanglement metrics besides the paper's")
    if not every and not papers:
        raise TooFewRunsError("there are no disentanglement metrics of the paper")
    return list(names) if every else papers


def panel_grid(count: int, height: float, **shared: Any) -> tuple[Picture, list[Axes], Axes | None]:
    """Panels of a height in inches: a single one as wide as a column, more across a page, with the fewest empty places.

    Returns:
        The figure, the panels, and the axes of the first empty place, or None.
    """
    across = count if count <= 4 else min((4, 3), key=lambda a: -count % a)
    down = -(-count // across)
    figure = new_figure(PAGE if across > 1 else COLUMN, height * down)
    axes = list(figure.subplots(down, across, squeeze=False, **shared).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    for ax in bottom_of(axes[:count]):
        ax.tick_params(labelbottom=True)
    return figure, axes[:count], axes[count] if count < len(axes) else None


def in_rows(names: Sequence[str]) -> list[Sequence[str]]:
    """Names of small panels in as few rows as are legible; all rows but the last are equally long."""
    rows = -(-len(names) // ABREAST)
    across = -(-len(names) // rows)
    return [names[i : i + across] for i in range(0, len(names), across)]


def label_edges(axes: Sequence[Axes], x: str, y: str) -> None:
    """Label the x axes of the lowest panels of a grid, and the y axes of the first of each row."""
    for ax in bottom_of(axes):
        ax.set_xlabel(x)
    for ax in left_of(axes):
        ax.set_ylabel(y)


def bottom_of(axes: Sequence[Axes]) -> Sequence[Axes]:
    """The lowest panel of each column of a grid."""
    return axes[-_across(axes) :]


def left_of(axes: Sequence[Axes]) -> Sequence[Axes]:
    """The first panel of each row of a grid."""
    return axes[:: _across(axes)]


def _across(axes: Sequence[Axes]) -> int:
    grid = axes[0].get_gridspec()
    assert grid is not None
    return int(grid.ncols)


def broken(name: str) -> str:
    """A long name on two lines, for narrow panels."""
    return name.replace(" ", "\n", 1) if len(name) > 10 else name


def standing(count: int, seeds: int, of: str = "runs", most: int = 0) -> str:
    """The number of runs, and of seeds a setting, in words; where settings differ, the fewest and the most.

    Example:
        >>> standing(1, 1), standing(1200, 5, "settings", most=6)
        ('1 run, 1 seed a setting: too few to be sure', '1,200 settings, 5 to 6 seeds a setting')
    """
    few = ": too few to be sure" if seeds < MIN_SEEDS else ""
    span = f"{seeds} to {most} seeds" if most > seeds else f"{counted(seeds, 'seed')}"
    return f"{count:,} {of if count != 1 else of.removesuffix('s')}, {span} a setting{few}"


def standing_of(scores: pd.DataFrame) -> str:
    """The same for a wide table."""
    seeds = Counter(settings(scores)).values()
    return standing(len(scores), min(seeds), most=max(seeds))


def sizes_of(rows: pd.DataFrame) -> str:
    """The same for a long table with a row a run and score."""
    runs = rows.drop_duplicates("run")
    setting = [c for c in ("dataset", "model", "value", "strength_index") if c in runs]  # codes have no value
    seeds = runs.groupby(setting, dropna=False).size()
    return standing(len(runs), int(seeds.min()), most=int(seeds.max()))


def model_keys(models: Sequence[str], styles: Looks, line: bool = True) -> tuple[list[Line2D], list[str]]:
    """Handles and labels of a legend of models, with or without lines."""
    return [key_of(styles[m], line) for m in models], [model_title(m) for m in models]


def looks_of(table: pd.DataFrame) -> Looks:
    """The look of each model, the same in every figure of a study; models from elsewhere do not change it."""
    suite = set(registry.names("models"))
    return looks(sorted(table["model"].unique(), key=lambda model: (model not in suite, model)))


def scatter(ax: Axes, x: pd.Series, y: pd.Series, models: pd.Series, styles: Looks) -> None:
    """Points in the colours and marks of their models, in random order so that no model hides the others."""
    order = rng().permutation(len(x))
    many = len(x) > 500
    marks = {m: MarkerStyle(s["marker"]) for m, s in styles.items()}
    paths = {m: mark.get_path().transformed(mark.get_transform()) for m, mark in marks.items()}
    ordered = models.to_numpy()[order]
    points = PathCollection(
        [paths[m] for m in ordered], sizes=[float(np.clip(1500 / len(x), 2.5, 10))],
        offsets=np.column_stack([x, y])[order], offset_transform=ax.transData,
        facecolors=[styles[m]["color"] for m in ordered], linewidths=0, alpha=0.6 if many else 0.85, rasterized=many,
        clip_on=False,
    )  # fmt: skip
    points.set_transform(IdentityTransform())
    points.set_in_layout(False)  # they lie within the panel
    ax.add_collection(points)
    ax.autoscale_view()

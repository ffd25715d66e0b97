"""One board: rows (models) by scores, on one data set or as means over several; complete rows are ranked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.board.ranking import STANDING, Contest, standings
from bench.analysis.names import in_range
from bench.analysis.statistics.estimates import Array, Estimate
from bench.analysis.statistics.intervals import t_ends, together
from bench.metrics.base import Score

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """A score of the board.

    Attributes:
        name: of the score.
        metric: that computes it.
        declared: its declaration, with the rank sets that count it.
        disentanglement: whether it is left out for dead runs.
    """

    name: str
    metric: str
    declared: Score
    disentanglement: bool = True


def board(
    estimates: Sequence[Mapping[Row, Estimate]], chosen: Sequence[Column], keys: Sequence[str], rank_sets: Sequence[str]
) -> pd.DataFrame:
    """One board over one or several data sets.

    Args:
        estimates: for each data set, row -> its estimate of the chosen scores.
        chosen: columns.
        keys: names of the parts of a row.
        rank_sets: of `RANK_SETS`.

    Returns:
        The columns of `leaderboard.leaderboard`: the rows of each rank set, the best first, incomplete ones last.
    """
    rows = list(dict.fromkeys(row for by_row in estimates for row in by_row))
    empty = Estimate.empty(len(chosen))
    grid = [[by_row.get(row, empty) for row in rows] for by_row in estimates]  # data sets x rows
    runs = np.array([[e.runs for e in line] for line in grid])
    present: NDArray[np.bool_] = np.any(runs, axis=1)  # data sets x columns
    frame = pd.DataFrame(rows, columns=list(keys))
    frame["seeds"] = [min(e.seeds for e in of_row) for of_row in zip(*grid, strict=True)]
    frame["runs"] = runs.max(axis=2).sum(axis=0).astype(int)
    scores = [_score(column.name, [grid[d] for d in np.flatnonzero(present[:, k])], k)
              for k, column in enumerate(chosen)]  # fmt: skip
    score_columns = pd.DataFrame({name: values for score in scores for name, values in score.items()})
    frame = pd.concat([frame, score_columns], axis=1)  # at once: pandas is slow on frames grown column by column
    ranked = [_ranked(grid, chosen, present, name).assign(rank_set=name) for name in rank_sets]
    table = pd.concat([pd.concat([standing, frame], axis=1) for standing in ranked])
    place = table["rank_set"].map(list(rank_sets).index)
    order = ["place", "rank", "coverage", *keys]
    table = table.assign(place=place).sort_values(order, ascending=[True, True, False, *(True for _ in keys)])
    return table.drop(columns="place")


def _ranked(
    grid: Sequence[Sequence[Estimate]], chosen: Sequence[Column], present: NDArray[np.bool_], rank_set: str
) -> pd.DataFrame:
    """Standing and coverage of every row by the scores of a rank set; no interval if a score has none."""
    counted: NDArray[np.bool_] = present & [c.declared.counts_in(rank_set) for c in chosen]
    coverage = np.array([[e.coverage for e in line] for line in grid]).transpose(1, 0, 2)
    coverage = coverage[:, counted if counted.any() else present]
    complete = np.flatnonzero((coverage >= 1).all(axis=1))
    frame = _standings(grid, chosen, counted, complete).reindex(range(len(coverage)))
    no_interval = [any(np.isnan(grid[d][i].error[k]) for d, k in np.argwhere(counted)) for i in range(len(frame))]
    frame.loc[no_interval, [c for c in frame if c.endswith(("_low", "_high"))]] = np.nan
    return frame.assign(coverage=coverage.mean(axis=1))


def _standings(
    grid: Sequence[Sequence[Estimate]],
    chosen: Sequence[Column],
    counted: NDArray[np.bool_],
    complete: NDArray[np.int64],
) -> pd.DataFrame:
    """Standings of the complete rows, indexed by their positions; a single row has no rank."""
    if not counted.any() or len(complete) < 2:
        return pd.DataFrame(columns=list(STANDING), dtype=np.float64)
    contests = []
    for d, k in np.argwhere(counted):
        rivals = [grid[d][i] for i in complete]
        point, draws = np.array([e.point[k] for e in rivals]), np.stack([e.draws[:, k] for e in rivals], axis=1)
        contests.append(Contest(point, draws, chosen[k].declared))
    return standings(contests).set_axis(complete)


def _score(name: str, grid: Sequence[Sequence[Estimate]], k: int) -> dict[str, Array]:
    """One score of every row: the mean over data sets, missing if the row lacks it on one of them."""
    if not grid:
        return {}
    point = np.mean([[e.point[k] for e in line] for line in grid], axis=0)
    parts = np.array([[(e.error[k], e.freedom[k]) for e in line] for line in grid])  # data sets x rows x 2
    error, freedom = together(parts[..., 0] / len(grid), parts[..., 1])
    low, high = in_range(np.array(t_ends(point, error, freedom)), [name])
    runs = np.sum([[e.runs[k] for e in line] for line in grid], axis=0).astype(int)
    return {name: point, f"{name}_low": low, f"{name}_high": high, f"{name}_runs": runs}


def sure_best(frame: pd.DataFrame, column: Column) -> Any:
    """The index of the ranked row of a board whose score is significantly the best, or None.

    Its interval overlaps no interval of another ranked row, and contains no score of a row without an interval.
    """
    higher = column.declared.higher_is_better
    rows = frame[frame["rank"].notna() & frame[column.name].notna()].sort_values(column.name, ascending=not higher)
    if higher is None or len(rows) < 2:
        return None
    worst, best = ("_low", "_high") if higher else ("_high", "_low")
    bound = rows[column.name + worst].iloc[0]  # NaN below `MIN_SEEDS` seeds: no comparison with it is true
    others = rows[column.name + best].fillna(rows[column.name]).iloc[1:]
    return rows.index[0] if (others < bound if higher else others > bound).all() else None

"""Reduces two score tables to the data sets, settings and scores that both have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Key = Literal["strength_index", "setting"]
MIN_SETTINGS = 3  # the rank correlation of two settings is always 1 or -1


class NothingInCommonError(ValueError):
    """Two sides that cannot be compared; the message lists the settings and data sets of each."""


@dataclass(frozen=True)
class Matched:
    """Two sides on one data set: a row per run (index setting, seed, run), the same score columns and settings."""

    dataset: str
    a: pd.DataFrame
    b: pd.DataFrame

    def paired(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The runs of both sides with a setting and seed that both have, in the same order."""
        shared = self.a.index.droplevel("run").intersection(self.b.index.droplevel("run"))
        x, y = (s[s.index.droplevel("run").isin(shared)] for s in (self.a, self.b))
        return x, y

    @property
    def seeds(self) -> int:
        """The fewest seeds of a setting on either side."""
        return int(min(s.groupby("setting").size().min() for s in (self.a, self.b)))


def matched(a: pd.DataFrame, b: pd.DataFrame, names: Sequence[str], on: Key) -> list[Matched]:
    """Both score tables of mean codes on every data set on which they have settings and scores in common.

    Args:
        a: score table of one side.
        b: score table of the other.
        names: scores to keep; those that a table lacks are left out.
        on: "strength_index" matches strength indices (two models), "setting" matches model and value (two studies).

    Raises:
        NothingInCommonError: no data set has three common settings with a common score.
    """
    sides = [_runs(t, names, on) for t in (a, b)]
    common = list(_on_each_data_set(*sides))
    if not common:
        first, second = (_described(scores, on) for scores in sides)
        needed = f"{MIN_SETTINGS} {'settings' if on == 'setting' else 'strength indices'} with a score of both"
        raise NothingInCommonError(
            f"nothing in common: {needed} on one data set are needed; the first has {first}; the second has {second}"
        )
    return common


def _runs(table: pd.DataFrame, names: Sequence[str], on: Key) -> pd.DataFrame:
    represented = table["representation"].eq("mean").fillna(False)  # scores of training have none
    rows = table[table["factor"].isna() & represented & table["name"].isin(list(names))]
    if on == "strength_index":
        rows = rows[rows["strength_index"].notna()]
        rows = rows.assign(setting=rows["strength_index"].astype(int))
    else:
        value = rows["value"].map(lambda v: "" if pd.isna(v) else f" {v:g}")
        rows = rows.assign(setting=rows["model"].astype(str) + value.astype(str))
    scores = rows.pivot(index=["dataset", "setting", "seed", "run"], columns="name", values="score")
    return scores.reindex(columns=[n for n in names if n in scores])


def _on_each_data_set(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Matched]:
    for dataset in a.index.unique("dataset").intersection(b.index.unique("dataset")):
        x, y = (s.xs(dataset, level="dataset") for s in (a, b))
        names = [n for n in x if n in y and x[n].notna().any() and y[n].notna().any()]
        x, y = x[names].dropna(), y[names].dropna()
        shared = x.index.unique("setting").intersection(y.index.unique("setting"))
        if names and len(shared) >= MIN_SETTINGS:
            x, y = (s[s.index.get_level_values("setting").isin(shared)].sort_index() for s in (x, y))
            yield Matched(str(dataset), x, y)


def _described(side: pd.DataFrame, on: Key) -> str:
    settings = [str(s) for s in side.index.unique("setting")]
    listed = ", ".join(settings[:8]) + (", ..." if len(settings) > 8 else "")
    datasets = ", ".join(map(str, side.index.unique("dataset")))
    return f"{on.replace('_', ' ')} {listed or '(none)'} on {datasets or '(no data set)'}"

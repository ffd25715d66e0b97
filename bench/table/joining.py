"""Joining two score tables: what must agree, which of two group scores stays, and which label is shown."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.columns import COLUMNS
from bench.scoring.groups import of_groups
from bench.store.files import StoreError
from bench.store.record_types import TRAINING
from bench.table.folder import Identities
from bench.table.identities import is_fitted
from bench.table.records import FINAL
from bench.table.rules import DESCRIPTION, KEY, MEANING, check_one, refuse, shown
from bench.values import counted

if TYPE_CHECKING:
    import pandas as pd

UNUSUAL = re.compile(r", (\d+ dims|\d+ images an update|learning rate [-+.\de]+)")  # of `bench.study.run.with_unusual`
NUMBERS = ["score", "num_train", "num_test"]  # must be equal in both tables
SAME = ["run", *MEANING, "num_train", "num_test", "name", "factor"]  # identify a score without the key of its cell
OF_GROUP = ["run", *MEANING, "name", "factor"]


class ConflictError(StoreError):
    """Two tables give one score two values; the message names the run."""


@dataclass(frozen=True)
class Joined:
    """Two tables as one.

    Attributes:
        table: the rows of both, each once.
        added: rows that only the second had.
        equal: rows that both had.
        superseded: scores of groups of runs that a larger group replaced.
    """

    table: "pd.DataFrame"
    added: int
    equal: int
    superseded: int


def join(table: "pd.DataFrame", added: "pd.DataFrame", identities: Identities) -> Joined:
    """Add rows to a table; both satisfy `rules.check_rows`.

    Args:
        table: the one that grows.
        added: the other one; messages have its row numbers.
        identities: id or key -> the content that it is the hash of, as far as known.

    Raises:
        ConflictError: a score that both have differs.
        ValueError: the tables disagree on a run or a cell, or have a score under two cell keys.
    """
    import pandas as pd

    both = pd.concat([added, table], ignore_index=True).astype(COLUMNS)  # added rows first: messages have their numbers
    both = one_label(both, identities, preferred=table)
    both = _one_hyperparameter(both)
    for column, dependent in (("run", DESCRIPTION), ("cell", MEANING)):
        check_one(both, column, dependent)
    new = pd.Series(both.index < len(added), both.index)
    in_both = both.duplicated(KEY, keep=False)
    _check_equal(both[in_both & ~new], both[in_both & new])
    unique = both[~both.duplicated(KEY, keep="last")]
    without_small = without_small_groups(unique)
    doubled = without_small.duplicated(SAME, keep=False) & new[without_small.index]
    refuse(
        both, doubled.reindex(both.index, fill_value=False),
        lambda row: f"its {row['name']} is in the reference table under another cell key than {row['cell']}",
    )  # fmt: skip
    fresh = new[without_small.index]
    result = pd.concat([without_small[~fresh], without_small[fresh]], ignore_index=True)
    return Joined(result, int(fresh.sum()), int((in_both & new).sum()), len(unique) - len(without_small))


def one_label(table: "pd.DataFrame", identities: Identities, preferred: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """The table with one schedule label a run, where labels differ only in parts that its id does not depend on.

    These are the name before the colon, and the number of steps of a fitted learner.
    """
    labelled = table[table["schedule"].notna()]  # others are refused, by their number, once rows are checked
    runs = labelled.drop_duplicates(["run", "schedule"]).astype({"run": str, "schedule": str})
    if not runs.duplicated("run").any():
        return table
    first = runs if preferred is None else preferred.drop_duplicates("run").astype({"run": str, "schedule": str})
    of_run = dict(zip(runs["run"][::-1], runs["schedule"][::-1], strict=True))
    of_run |= dict(zip(first["run"][::-1], first["schedule"][::-1], strict=True))
    changed = {
        (run, label): of_run[run]
        for run, label in zip(runs["run"], runs["schedule"], strict=True)
        if label != of_run[run] and (_hashed(label, run, identities) == _hashed(of_run[run], run, identities))
    }
    labels = [changed.get(pair, pair[1]) for pair in zip(table["run"], table["schedule"], strict=True)]
    return table.assign(schedule=labels).astype({"schedule": COLUMNS["schedule"]})


def _one_hyperparameter(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with the hyper-parameter's name in all rows of a run, if one row has it.

    A table of format 1 gets no name for a model that is unknown where it is read.
    """
    names = table["hyperparameter"].astype("str")
    runs = table.assign(hyperparameter=names)[names.notna()].drop_duplicates("run")
    of_run = dict(zip(runs["run"], runs["hyperparameter"], strict=True))
    filled = names.where(names.notna(), table["run"].astype("str").map(of_run))
    return table.assign(hyperparameter=filled).astype({"hyperparameter": COLUMNS["hyperparameter"]})


def renamed_losses(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with training losses renamed as in `FINAL`; older tables have the names of metric `elbo` for them."""
    of_before = table["metric"].eq(TRAINING) & table["name"].isin(name.removeprefix(f"{TRAINING}_") for name in FINAL)
    if not of_before.any():
        return table
    names = table["name"].astype("str").mask(of_before, f"{TRAINING}_" + table["name"].astype("str"))
    return table.assign(name=names).astype({"name": COLUMNS["name"]})


def without_small_groups(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with one group score of each kind a run: that of the largest group.

    A study that is exported again with more seeds scores its runs in larger groups, under new cell keys. Of two groups
    of one size the cell key decides, so that the order of merges does not matter.

    Raises:
        ConflictError: the same group has two different scores.
    """
    pairs = _groups_and_largest(table)
    differ = pairs[pairs["same"] & (pairs["score"] != pairs["score_largest"])]
    if len(differ):
        row = differ.iloc[0]
        two = f"{shown(row['score'])} and {shown(row['score_largest'])}"
        raise ConflictError(
            f"run {row['run']} has {row['name']} {two} in the same group of {counted(row['size'], 'run')}, "
            f"under the cell keys {row['cell']} and {row['cell_largest']}: groups of one table are scored on one pool "
            "of images"
        )
    return table.drop(index=pairs.loc[pairs["cell"] != pairs["cell_largest"], "row"])


def largest_groups(table: "pd.DataFrame") -> "pd.DataFrame":
    """The scores of a store, without group scores of runs that have one of a larger group.

    The same group under another protocol stays, as scores of single runs do.
    """
    pairs = _groups_and_largest(table)
    return table.drop(index=pairs.loc[~pairs["same"], "row"]).reset_index(drop=True)


def _groups_and_largest(table: "pd.DataFrame") -> "pd.DataFrame":
    """Repeated group scores of runs, each paired with the score of the largest group.

    Returns:
        row (of the table), run, name, cell, score, size of the group; cell_largest, score_largest; same: whether both
        groups have the same runs.
    """
    import pandas as pd

    repeated = table.duplicated(OF_GROUP, keep=False)
    group_metrics = of_groups(table.loc[repeated, "metric"].unique()) if repeated.any() else set[str]()
    if not group_metrics:
        return pd.DataFrame(
            {"row": [], "cell": [], "cell_largest": [], "score": [], "score_largest": [], "same": np.zeros(0, bool)}
        )
    scores = table[table["metric"].isin(group_metrics)].astype({"cell": str, "run": str})
    scores = scores.rename_axis("row").reset_index()
    members = scores.groupby("cell")["run"].agg(frozenset)
    ordered = scores.assign(size=scores["cell"].map(members.map(len)))
    ordered = ordered.sort_values(["size", "cell"], ascending=[False, True])
    largest = ordered.drop_duplicates(OF_GROUP)
    pairs = ordered.merge(largest, on=OF_GROUP, suffixes=("", "_largest"))
    return pairs.assign(same=pairs["cell"].map(members) == pairs["cell_largest"].map(members))


def _hashed(label: str, run: str, identities: Identities) -> str:
    """The part of a label that the run's id depends on, less what labels of older tables do not say."""
    hashed = UNUSUAL.sub("", label.partition(": ")[2] or label)
    return hashed.partition(" steps, ")[2] or hashed if is_fitted(identities.get(run)) else hashed


def _check_equal(old: "pd.DataFrame", new: "pd.DataFrame") -> None:
    """Rows of the same keys must have the same numbers."""
    old, new = (t.astype(dict.fromkeys(KEY, "str")).sort_values(KEY) for t in (old, new))
    differ = (old[NUMBERS].to_numpy() != new[NUMBERS].to_numpy()).any(axis=1)
    if differ.any():
        a, b = old[differ].iloc[0], new[differ].iloc[0]
        factor = f" of {a['factor']}" if isinstance(a["factor"], str) else ""
        column = next(n for n in NUMBERS if a[n] != b[n])
        count = f"{counted(differ.sum(), 'score')} of {counted(old[differ]['run'].nunique(), 'run')}"
        raise ConflictError(
            f"run {a['run']} has {a['name']}{factor} {_number(a, column)} in the reference table and "
            f"{_number(b, column)} in the other; {count} in all"
        )


def _number(row: "pd.Series", column: str) -> str:
    return shown(row["score"]) if column == "score" else f"of {counted(row[column], 'row')}"

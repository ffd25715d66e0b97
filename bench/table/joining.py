"""How two score tables become one: what must agree, which of two group scores stays, and whose label is shown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.columns import COLUMNS
from bench.scoring.groups import UDR
from bench.store.files import StoreError
from bench.table.folder import Identities
from bench.table.identities import is_fitted
from bench.table.rules import DESCRIPTION, KEY, MEANING, check_one, refuse, shown

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ["score", "num_train", "num_test"]  # what must be the same wherever it was computed
SAME = ["run", *MEANING, "num_train", "num_test", "name", "factor"]  # a score, without the key of its cell
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


def join(table: "pd.DataFrame", added: "pd.DataFrame", known: Identities) -> Joined:
    """Add rows to a table; both are as `rules.check_rows` wants them.

    Args:
        table: the one that grows.
        added: the other one; rows are counted in its order.
        known: what the ids are the hashes of, as far as that is known.

    Raises:
        ConflictError: a score that both have differs.
        ValueError: a run or a cell is something else in the two tables, or a score comes again under another cell key.
    """
    import pandas as pd

    both = pd.concat([added, table], ignore_index=True).astype(COLUMNS)  # its rows first: they are counted in messages
    both = one_label(both, known, preferred=table)
    for column, of in (("run", DESCRIPTION), ("cell", MEANING)):
        check_one(both, column, of)
    new = pd.Series(both.index < len(added), both.index)
    again = both.duplicated(KEY, keep=False)
    _check_equal(both[again & ~new], both[again & new])
    once = both[~both.duplicated(KEY, keep="last")]
    left = without_small_groups(once)
    doubled = left.duplicated(SAME, keep=False) & new[left.index]
    refuse(
        both, doubled.reindex(both.index, fill_value=False),
        lambda row: f"its {row['name']} is in the reference table under another cell key than {row['cell']}",
    )  # fmt: skip
    fresh = new[left.index]
    result = pd.concat([left[~fresh], left[fresh]], ignore_index=True).astype(COLUMNS)
    return Joined(result, int(fresh.sum()), int((again & new).sum()), len(once) - len(left))


def one_label(table: "pd.DataFrame", known: Identities, preferred: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """The table with one schedule label a run, where labels differ in what its id does not depend on.

    That is the name before the colon, and for a learner that takes no steps their number.
    """
    runs = table.drop_duplicates(["run", "schedule"]).astype({"run": str, "schedule": str})
    if not runs.duplicated("run").any():
        return table
    first = runs if preferred is None else preferred.drop_duplicates("run").astype({"run": str, "schedule": str})
    of_run = dict(zip(runs["run"][::-1], runs["schedule"][::-1], strict=True))
    of_run |= dict(zip(first["run"][::-1], first["schedule"][::-1], strict=True))
    changed = {
        (run, label): of_run[run]
        for run, label in zip(runs["run"], runs["schedule"], strict=True)
        if label != of_run[run] and (_budget(label, run, known) == _budget(of_run[run], run, known))
    }
    labels = [changed.get(pair, pair[1]) for pair in zip(table["run"], table["schedule"], strict=True)]
    return table.assign(schedule=labels).astype({"schedule": COLUMNS["schedule"]})


def without_small_groups(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with one score a run of each kind that rests on a group of runs: that of the largest group.

    A study that is exported again with more seeds scores its runs in larger groups, under new cell keys. Of two groups
    of one size the cell key decides, so that it does not matter which came first.

    Raises:
        ConflictError: the same group has two different scores.
    """
    of_groups = table[table["metric"] == UDR].astype({"cell": str, "run": str})
    if not of_groups.duplicated(OF_GROUP).any():
        return table
    members = of_groups.groupby("cell")["run"].agg(frozenset)
    ordered = of_groups.assign(size=of_groups["cell"].map(members.map(len)))
    ordered = ordered.sort_values(["size", "cell"], ascending=[False, True])
    kept = ordered.drop_duplicates(OF_GROUP)
    pairs = ordered.merge(kept, on=["run", *MEANING, "name"], suffixes=("", "_kept"))
    same = pairs["cell"].map(members) == pairs["cell_kept"].map(members)
    differ = pairs[same & (pairs["score"] != pairs["score_kept"])]
    if len(differ):
        row = differ.iloc[0]
        two = f"{shown(row['score'])} and {shown(row['score_kept'])}"
        raise ConflictError(
            f"run {row['run']} has {row['name']} {two} in the same group of {row['size']} runs, under the cell keys "
            f"{row['cell']} and {row['cell_kept']}: groups of one table are scored on one pool of images"
        )
    return table.drop(index=ordered.index.difference(kept.index))


def _budget(label: str, run: str, known: Identities) -> str:
    """What of a label the run's id depends on."""
    budget = label.partition(": ")[2] or label
    return budget.partition(" steps, ")[2] or budget if is_fitted(known.get(run)) else budget


def _check_equal(ours: "pd.DataFrame", theirs: "pd.DataFrame") -> None:
    """Rows of the same keys must have the same numbers."""
    mine, yours = (t.astype(dict.fromkeys(KEY, "str")).sort_values(KEY, ignore_index=True) for t in (ours, theirs))
    differ = (mine[NUMBERS].to_numpy() != yours[NUMBERS].to_numpy()).any(axis=1)
    if differ.any():
        a, b = mine[differ].iloc[0], yours[differ].iloc[0]
        of = f" of {a['factor']}" if isinstance(a["factor"], str) else ""
        column = next(n for n in NUMBERS if a[n] != b[n])
        raise ConflictError(
            f"run {a['run']} has {a['name']}{of} {_number(a, column)} in the reference table and {_number(b, column)} "
            f"in the other; {differ.sum()} scores of {mine[differ]['run'].nunique()} runs differ"
        )


def _number(row: "pd.Series", column: str) -> str:
    return shown(row["score"]) if column == "score" else f"of {row[column]} rows"

"""The rules for the rows of a score table, wherever it comes from: valid names, possible scores.

Names go into file names, pages and spreadsheets; no name that is allowed here has a meaning in a shell, HTML, Markdown,
a spreadsheet or TeX. Each rule raises a ValueError of one line that names the first wrong row.
"""

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import data, registry
from bench.columns import COLUMNS
from bench.metrics.base import LARGEST, Score
from bench.scoring.runs import declaration
from bench.store.record_types import TRAINING
from bench.table.records import FINAL, TRAINING_VERSION

if TYPE_CHECKING:
    import pandas as pd

KEY = ["run", "cell", "name", "factor"]  # identify a score
# the same in all rows of a run
DESCRIPTION = ["model", "hyperparameter", "strength_index", "value", "seed", "dataset", "schedule"]
MEANING = ["metric", "version", "representation"]  # the same in all rows of a cell
ID = (re.compile(r"[0-9a-f]{12}"), "12 hex digits")
NAME = (re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"), "a name of letters, digits, dots, dashes and underscores")
TEXT = (re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,:;+()/@-]{0,499}"), "plain text of letters, digits and ordinary marks")
WORDS = {
    "run": ID,
    "model": NAME,
    "hyperparameter": NAME,
    "dataset": NAME,
    "schedule": TEXT,
    "representation": (re.compile("mean|sampled|held_out"), "mean, sampled or held_out"),
    "metric": NAME,
    "name": NAME,
    "factor": NAME,
    "cell": (re.compile(rf"[0-9a-f]{{12}}|{TRAINING}"), "12 hex digits"),
    "device": TEXT,
    "versions": TEXT,
    "revision": TEXT,
}
ALWAYS = ("run", "model", "dataset", "schedule", "metric", "name", "cell", "score")  # integers have no missing values
LEAST = {"strength_index": 0, "seed": 0, "version": 1, "num_train": 0, "num_test": 0, "seconds": 0, "train_seconds": 0}
SLACK = 1e-6  # tolerance of a score's range, for rounding
OTHERS = {  # scores of no registered metric: version, scores
    TRAINING: (TRAINING_VERSION, dict.fromkeys(FINAL, Score(-math.inf, math.inf))),
}


def check_rows(table: "pd.DataFrame") -> None:
    """Check the rules that need nothing but the table.

    Raises:
        ValueError: an invalid name, a number that is missing, negative or beyond 1e38, a score that occurs twice, a run
            with two descriptions or a cell with two meanings; the message names the row.
    """
    table = table.reset_index(drop=True)
    for column in COLUMNS:
        if column in WORDS:
            _check_words(table, column)
        else:
            _check_numbers(table, column)
    of_training = table["metric"] == TRAINING  # of the run itself, so of no representation and no cell
    wrong = (table["representation"].isna() != of_training) | ((table["cell"] == TRAINING) != of_training)
    refuse(
        table, wrong, lambda row: f"{row['metric']} of cell {row['cell']} has representation {row['representation']}"
    )
    refuse(table, table.duplicated(KEY), lambda row: f"its {row['name']} is there twice")
    check_one(table, "run", DESCRIPTION)
    check_one(table, "cell", MEANING)
    check_one(table, "cell", ["num_train", "num_test"], ["run"])


def check_scores(table: "pd.DataFrame") -> None:
    """Check scores against the declaration of their metric, if its version is known here; and names of factors.

    Raises:
        ValueError: a score that its metric does not have, that is out of its range, or of an unknown factor.
    """
    kinds = table.groupby(["metric", "version", "name"], observed=True)["score"].agg(["min", "max"])
    for (metric, version, name), low, high in kinds.itertuples():
        if (score_of := _declared(metric, version)) is None:
            continue
        rows = (table["metric"] == metric) & (table["version"] == version) & (table["name"] == name)
        try:
            declared = score_of(name)
        except KeyError:
            refuse(table, rows, lambda row: f"{row['metric']} has no score {row['name']}")
            continue
        least, most = declared.low - SLACK, declared.high + SLACK
        if low < least or high > most:
            reason = f"{name} is {{}}, its range is {declared.low:g} to {declared.high:g}"
            outside = rows & ~table["score"].between(least, most)
            refuse(table, outside, lambda row, reason=reason: reason.format(shown(row["score"])))  # type: ignore[misc]
    for dataset in set(table["dataset"].unique()) & set(data.names()):
        wrong = (table["dataset"] == dataset) & table["factor"].notna()
        wrong &= ~table["factor"].isin(data.card(dataset).factor_names)
        refuse(table, wrong, lambda row: f"{row['dataset']} has no factor {row['factor']}")


def check_one(table: "pd.DataFrame", column: str, columns: list[str], within: list[str] | None = None) -> None:
    """Check that rows with one value of `column` (and of `within`) agree in other columns.

    Raises:
        ValueError: two rows do not; the message names both values.
    """
    owner = [*(within or []), column]
    kinds = table.drop_duplicates([*owner, *columns])
    repeated = kinds.duplicated(owner)
    if not repeated.any():
        return
    second = kinds[repeated].iloc[0]
    of_owner = np.logical_and.reduce([kinds[c] == second[c] for c in owner])
    first = kinds[of_owner].iloc[0]
    other = next((c for c in columns if shown(first[c]) != shown(second[c])), columns[0])
    wrong = np.zeros(len(table), bool)
    wrong[table.index.get_loc(first.name)] = True
    values = f"{other} {shown(first[other])} in one row and {shown(second[other])} in another"
    refuse(table, wrong, lambda row: f"{column} {shown(row[column])} has {values}")


def refuse(table: "pd.DataFrame", wrong: "pd.Series[bool] | NDArray[np.bool_]", why: Callable[[Any], str]) -> None:
    """Raise a ValueError for the first wrong row, if there is one, with its number, its run, and why."""
    places = np.flatnonzero(np.asarray(wrong))
    if len(places):
        row = table.iloc[places[0]]
        more = f" ({len(places):,} such rows)" if len(places) > 1 else ""
        raise ValueError(f"row {places[0] + 1:,} (run {shown(row['run'])}): {why(row)}{more}")


def shown(value: Any) -> str:
    """A value from a file, safe to print on one line."""
    if isinstance(value, str):
        return ascii(value)[1:-1][:60]
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def _check_words(table: "pd.DataFrame", column: str) -> None:
    words, (pattern, expected) = table[column], WORDS[column]
    if column in ALWAYS:
        refuse(table, words.isna(), lambda _: f"it has no {column}")
    bad = [word for word in words.unique() if isinstance(word, str) and not pattern.fullmatch(word)]
    if bad:
        refuse(table, words.isin(bad), lambda row: f"{column} '{shown(row[column])}' is not {expected}")


def _check_numbers(table: "pd.DataFrame", column: str) -> None:
    numbers, least = table[column], LEAST.get(column, -LARGEST)
    missing = numbers.isna().to_numpy()
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    if column in ALWAYS:
        refuse(table, ~np.isfinite(values), lambda row: f"{column} of {row['name']} is {row[column]}")
    wrong = ~missing & ~((values >= least) & (values <= LARGEST))
    refuse(table, wrong, lambda row: f"{column} is {row[column]}")


def _declared(metric: str, version: int) -> Callable[[str], Score] | None:
    """A function from a score's name to its declaration (KeyError: unknown score); None: the version is unknown."""
    if metric in OTHERS:
        current, scores = OTHERS[metric]
        return scores.__getitem__ if version == current else None
    if metric not in registry.names("metrics"):
        return None
    try:
        declared = declaration(metric)
    except registry.PluginError:  # reported where the metric is used
        return None
    return declared.score if declared.version == version else None

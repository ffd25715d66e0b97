"""The tables of docs/conventions.md: the golden arrays under every convention, in Markdown.

python -m benchmarks.conventions [METRIC ...]

Each value has in parentheses its difference from the convention it is compared with. The last column is the largest
difference, over the arrays, from the value of the repository's code (tests/golden). It takes eight minutes of one core,
most of them for the forests of DCI-ES.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.representations.conventions import scores_by_convention
from bench.conventions import CONVENTIONS
from bench.conventions.convention import OURS

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
ARRAYS = ("identity", "noisy", "tanh10")
KEYS = ("metric", "convention", "score")
PARTS = ("train_codes", "train_factors", "test_codes", "test_factors")


def main() -> None:
    arrays = {name: rows(name) for name in ARRAYS}
    for metric in dict.fromkeys(c.metric for c in CONVENTIONS):
        if metric in sys.argv[1:] or not sys.argv[1:]:
            conventions = [c for c in CONVENTIONS if c.metric == metric]
            show(metric, scores_by_convention(arrays, slow=True, conventions=conventions))


def show(metric: str, table: pd.DataFrame) -> None:
    """Print a Markdown table for each score of a metric."""
    for name, score_rows in table.groupby("name", sort=False):
        print(f"\n### `{metric}`: {name}\n")
        print(f"| convention | otherwise than | in that | {' | '.join(ARRAYS)} | left |")
        print(f"|---|---|---|{'---|' * len(ARRAYS)}---|")
        for convention, convention_rows in score_rows.groupby("convention", sort=False):
            scores = convention_rows.set_index("codes")
            print(line(scores, deviation(metric, str(convention), str(name), scores["score"])), flush=True)


def line(scores: pd.DataFrame, largest: float | None) -> str:
    """A row of a table: a convention, its difference from another one, its value on each array."""
    first = scores.iloc[0]
    name = f"`{first['convention']}`"
    beside = f"`{first['beside']}`" if first["beside"] else ""
    error = "" if largest is None else "< 1e-6" if largest < 1e-6 else f"{largest:.0e}"
    values = [cell(scores.loc[array], first["convention"] == OURS) for array in ARRAYS]
    return f"| {' | '.join([name, beside, first['choice'], *values, error])} |"


def rows(name: str) -> list[np.ndarray]:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        return [file[part] for part in PARTS]


def cell(row: "pd.Series[Any]", ours: bool) -> str:
    """A value, and its difference from the convention beside it."""
    return f"{row['score']:.4f}" if ours or abs(row["step"]) < 5e-5 else f"{row['score']:.4f} ({row['step']:+.4f})"


def deviation(metric: str, convention: str, name: str, scores: "pd.Series[float]") -> float | None:
    """The largest difference from the value of the repository's code; None: that value is not known."""
    with (GOLDEN / "conventions.csv").open() as file:
        entries = [
            entry for entry in csv.DictReader(file) if [entry[key] for key in KEYS] == [metric, convention, name]
        ]
    values = {array: published(entry["entry"], entry["key"], array) for entry in entries for array in ARRAYS}
    return max((abs(scores[a] - value) for a, value in values.items() if value is not None), default=None)


def published(entry: str, key: str, array: str) -> float | None:
    """The value of public code on an array; None: it is not known."""
    file, _, part = entry.partition(": ")
    if part:
        value = json.loads((GOLDEN / file).read_text())[array][part][key]
        return float(value["mean"] if isinstance(value, dict) else value)
    values = json.loads((GOLDEN / "modern.json").read_text())[entry]["values"]
    return float(values[array][key] if key else values[array]) if array in values else None


if __name__ == "__main__":
    main()

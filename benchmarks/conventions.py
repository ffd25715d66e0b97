"""The tables of docs/conventions.md: the golden arrays under every convention, in Markdown.

python -m benchmarks.conventions [METRIC ...]

Each value stands beside the step from the convention that it is told apart from. The last column is the largest
difference, over the arrays, from what the repository's own code gave (tests/golden). Eight minutes of one core: most
of it are the forests of DCI-ES.
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
KEYS = ["metric", "convention", "name"]
PARTS = ("train_codes", "train_factors", "test_codes", "test_factors")


def main() -> None:
    asked = [c for c in CONVENTIONS if c.metric in sys.argv[1:] or not sys.argv[1:]]
    found = scores_by_convention({name: rows(name) for name in ARRAYS}, slow=True, conventions=asked)
    left = differences(found)
    for (metric, name), own in found.groupby(["metric", "name"], sort=False):
        print(f"\n### `{metric}`: {name}\n")
        print(f"| convention | of | otherwise than | in that | {' | '.join(ARRAYS)} | left |")
        print(f"|---|---|---|---|{'---|' * len(ARRAYS)}---|")
        for convention in dict.fromkeys(own["convention"]):
            of_arrays = own[own["convention"] == convention].set_index("codes")
            print(line(of_arrays, left.get((metric, convention, name))))


def line(of_arrays: pd.DataFrame, left: float | None) -> str:
    """A row of a table: a convention, whose it is, what it does otherwise, its value on each array."""
    about = of_arrays.iloc[0]
    name = f"`{about['convention']}`"
    of = f"{about['repository']} {about['commit']}" if about["repository"] else ""
    beside = f"`{about['beside']}`" if about["beside"] else ""
    near = "" if left is None else "< 1e-6" if left < 1e-6 else f"{left:.0e}"
    values = [cell(of_arrays.loc[array], about["convention"] == OURS) for array in ARRAYS]
    return f"| {' | '.join([name, of, beside, about['choice'], *values, near])} |"


def rows(name: str) -> list[np.ndarray]:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        return [file[part] for part in PARTS]


def cell(row: "pd.Series[Any]", first: bool) -> str:
    """A value, and the step to it."""
    return f"{row['score']:.4f}" if first or abs(row["step"]) < 5e-5 else f"{row['score']:.4f} ({row['step']:+.4f})"


def differences(found: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """(metric, convention, score) -> the largest difference from what public code gave."""
    largest: dict[tuple[str, str, str], float] = {}
    for line in csv.DictReader((GOLDEN / "conventions.csv").open()):
        key = (line["metric"], line["convention"], line["score"])
        own = found[(found[KEYS] == key).all(axis=1)].set_index("codes")["score"]
        if own.empty:
            continue
        gaps = [abs(own[a] - v) for a in ARRAYS if (v := published(line["entry"], line["key"], a)) is not None]
        largest[key] = max(gaps)
    return largest


def published(entry: str, key: str, array: str) -> float | None:
    """What public code gave; None: not on this array."""
    file, _, part = entry.partition(": ")
    if part:
        value = json.loads((GOLDEN / file).read_text())[array][part][key]
        return float(value["mean"] if isinstance(value, dict) else value)
    values = json.loads((GOLDEN / "modern.json").read_text())[entry]["values"]
    return float(values[array][key] if key else values[array]) if array in values else None


if __name__ == "__main__":
    main()

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
KEYS = ("metric", "convention", "score")
PARTS = ("train_codes", "train_factors", "test_codes", "test_factors")


def main() -> None:
    arrays = {name: rows(name) for name in ARRAYS}
    for metric in dict.fromkeys(c.metric for c in CONVENTIONS):
        if metric in sys.argv[1:] or not sys.argv[1:]:
            own = [c for c in CONVENTIONS if c.metric == metric]
            show(metric, scores_by_convention(arrays, slow=True, conventions=own))


def show(metric: str, found: pd.DataFrame) -> None:
    """Print a table for each score of a metric."""
    for name, own in found.groupby("name", sort=False):
        print(f"\n### `{metric}`: {name}\n")
        print(f"| convention | of | otherwise than | in that | {' | '.join(ARRAYS)} | left |")
        print(f"|---|---|---|---|{'---|' * len(ARRAYS)}---|")
        for convention, of_arrays in own.groupby("convention", sort=False):
            scores = of_arrays.set_index("codes")
            print(line(scores, left(metric, str(convention), str(name), scores["score"])), flush=True)


def line(of_arrays: pd.DataFrame, gap: float | None) -> str:
    """A row of a table: a convention, whose it is, what it does otherwise, its value on each array."""
    about = of_arrays.iloc[0]
    name = f"`{about['convention']}`"
    of = f"{about['repository']} {about['commit']}" if isinstance(about["repository"], str) else ""
    beside = f"`{about['beside']}`" if about["beside"] else ""
    near = "" if gap is None else "< 1e-6" if gap < 1e-6 else f"{gap:.0e}"
    values = [cell(of_arrays.loc[array], about["convention"] == OURS) for array in ARRAYS]
    return f"| {' | '.join([name, of, beside, about['choice'], *values, near])} |"


def rows(name: str) -> list[np.ndarray]:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        return [file[part] for part in PARTS]


def cell(row: "pd.Series[Any]", first: bool) -> str:
    """A value, and the step to it."""
    return f"{row['score']:.4f}" if first or abs(row["step"]) < 5e-5 else f"{row['score']:.4f} ({row['step']:+.4f})"


def left(metric: str, convention: str, name: str, scores: "pd.Series[float]") -> float | None:
    """The largest difference from what the repository's own code gave; None: that is not known."""
    with (GOLDEN / "conventions.csv").open() as file:
        known = [claim for claim in csv.DictReader(file) if [claim[key] for key in KEYS] == [metric, convention, name]]
    values = {a: published(claim["entry"], claim["key"], a) for claim in known for a in ARRAYS}
    return max((abs(scores[a] - value) for a, value in values.items() if value is not None), default=None)


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

"""The effect on scores of rounding weights to half precision, compared with the effect of evaluation seeds.

python -m benchmarks.rounding ORIGINAL ROUNDED [--run ID] [--seeds 4]

ORIGINAL and ROUNDED are stores, or folders of exported tables, with scores of the same runs under the published
protocol: ORIGINAL from the trained weights, ROUNDED from the shipped weights. Printed for each score of mean codes: the
largest difference over the runs; the standard deviation over evaluation seeds (other sampled rows, other trees) of one
run, whose codes are in the store ROUNDED; and the standard deviation over training seeds, within settings of the
reference study's runs of the same model and data set. It takes a minute of CPU per evaluation seed.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import load_data
from bench.registry import names
from bench.scoring.codes import load, pool
from bench.scoring.runs import PUBLISHED, cells, evaluate
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.table.reference import read_reference, read_study
from bench.table.stored import stored_scores

KEYS = ["run", "name"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original", type=Path)
    parser.add_argument("rounded", type=Path)
    parser.add_argument("--run", help="whose scores are computed with other seeds; default: the first")
    parser.add_argument("--seeds", type=int, default=4)
    chosen = parser.parse_args()
    original, rounded = scores_of(chosen.original), scores_of(chosen.rounded)
    differences = compared(original, rounded)
    run = chosen.run or str(rounded["run"].iloc[0])
    deviations = pd.concat(
        {"evaluation": noise(Store(chosen.rounded), run, chosen.seeds), "training": over_training()}, axis="columns"
    )
    print("\n".join(report(differences, deviations)))


def scores_of(path: Path) -> pd.DataFrame:
    """Scores of mean codes, over all factors: run, name, score."""
    table = read_reference(TableFolder(path))[0] if (path / "card.yaml").exists() else stored_scores(Store(path))
    table = table[table["factor"].isna() & (table["representation"] == "mean")]
    return table.astype(dict.fromkeys(KEYS, "str"))[[*KEYS, "score"]]


def compared(original: pd.DataFrame, rounded: pd.DataFrame) -> pd.DataFrame:
    """For each score the number of runs that both tables have, and the largest difference."""
    merged = original.merge(rounded, on=KEYS, suffixes=("_original", "_rounded"))
    merged["difference"] = (merged["score_rounded"] - merged["score_original"]).abs()
    return merged.groupby("name").agg(runs=("run", "nunique"), largest=("difference", "max"))


def noise(store: Store, run: str, seeds: int, dataset: str = "dsprites") -> pd.Series:
    """Standard deviation of each score of a run over evaluation seeds."""
    data = load_data(dataset)
    index = pool(data, None)
    codes = load(store.run(run), index)
    if codes is None:
        raise SystemExit(f"{store.run(run).path} has no codes of all images")
    factors = data.factors(index)
    parts = [
        evaluate(cell, codes.mean, factors, f"seed {seed}")[0]
        for seed in range(seeds)
        for cell in cells(names("metrics"), PUBLISHED)
    ]
    values = pd.DataFrame([{"name": name, "score": score} for part in parts for name, score in part.items()])
    return values[~values["name"].str.contains("/")].groupby("name")["score"].std()


def over_training(model: str = "beta_vae", dataset: str = "dsprites") -> pd.Series:
    """Standard deviation of each score over training seeds: within the settings of the reference study."""
    table = read_study("reference")
    table = table[table["factor"].isna() & (table["representation"] == "mean")]
    table = table[(table["model"] == model) & (table["dataset"] == dataset)].astype({"name": "str"})
    return table.groupby(["name", "value"])["score"].var().groupby("name").mean().pow(0.5)


def report(differences: pd.DataFrame, deviations: pd.DataFrame) -> list[str]:
    """Lines of a table, in descending order of the difference divided by the deviation over training seeds."""
    table = differences.join(deviations)
    parts = {f"of {kind}": table["largest"] / table[kind].replace(0, np.nan) for kind in deviations}
    table = table.assign(**parts).sort_values("of training", ascending=False)
    head = ["score", "runs", "largest difference", "over evaluation seeds", "over training seeds", "part", "part"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in table.iterrows():
        numbers = [row["largest"], row["evaluation"], row["training"], row["of evaluation"], row["of training"]]
        shown = ["" if pd.isna(number) else f"{number:.2g}" for number in numbers]
        lines.append(f"| `{name}` | {row['runs']:.0f} | {' | '.join(shown)} |")
    return lines


if __name__ == "__main__":
    main()

"""How often does the verdict call a number of a second study of one population another? 5 % of numbers, it is meant to.

python -m benchmarks.verdict [--seeds 5 10 50] [--studies 100] [--kinds skewed] [--spread unequal]

Ours is a simulated study of n seeds (`benchmarks.interval_coverage`), theirs one of 50 seeds, of the same population,
whose numbers are printed as the paper prints its own: plain R squared in table 5, rounded. Both are put through
`bench.analysis.published.reproduction`. Of each figure or table is shown the share (%) of its numbers that are "not
covered", the standard error of that share over the studies, and how many numbers it has.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.published.numbers import Item, items
from bench.analysis.published.reproduction import ANALYSES, reproduce
from bench.analysis.scores.agreement import wide
from bench.analysis.scores.variance import variance_explained
from bench.columns import COLUMNS
from bench.scoring.runs import PUBLISHED
from bench.study.run import Run, Schedule
from bench.table.reference import read_study
from benchmarks.interval_coverage import KINDS, NAMES, STRENGTHS, Population

ITEMS = ("fig2", "fig3_left", "fig4_left", "table1", "table5", "table5_mean")
DATASETS = ("dsprites", "noisy_dsprites")
PUBLISHED_SEEDS = 50


class Studies:
    """Simulated studies of the published schedule: the same runs, each time with other scores.

    Attributes:
        runs: six models, six strengths, n seeds, two data sets.
    """

    def __init__(self, models: Sequence[str], steps_of: dict[str, int], seeds: int) -> None:
        self.runs: list[Run] = []
        self.seeds = seeds
        for dataset, model, strength, seed in product(DATASETS, models, range(STRENGTHS), range(seeds)):
            steps = steps_of.get(model, 300_000)
            schedule = Schedule(steps, 64, 1e-4, 64, "locatello2019", 10, 1, "published", 5000, 1000)
            value = float(strength)
            self.runs.append(
                Run(model, 1, False, {"strength": value}, "strength", strength, value, seed, dataset, 1, schedule)
            )
        ids = [run.id for run in self.runs]
        columns = {"run": ids} | {
            name: [getattr(run, name) for run in self.runs]
            for name in ("model", "strength_index", "value", "seed", "dataset")
        }
        fixed = {"hyperparameter": "strength", "schedule": "published", "representation": "mean", "metric": "made up"}
        numbers = {"version": 1, "factor": None, "num_train": 1, "num_test": 1, "cell": "made up", "seconds": 0.0}
        frame = pd.DataFrame(columns).assign(**fixed, **numbers)
        table = pd.concat([frame.assign(name=name) for name in NAMES], ignore_index=True)
        self.table = table.reindex(columns=list(COLUMNS)).astype(COLUMNS)

    def of(self, population: Population, rng: np.random.Generator) -> pd.DataFrame:
        """The score table of a study drawn from a population."""
        scores = population.draw(self.seeds, rng)  # (D, K, n, S)
        return self.table.assign(score=np.moveaxis(scores, -1, 0).ravel())


def printed(item: Item, table: pd.DataFrame) -> Item:
    """The item with the numbers of a table in it, rounded as the paper rounds."""
    values = {}
    for dataset in ("all",) if "all" in item.values else DATASETS:
        rows = table if dataset == "all" else table[table["dataset"] == dataset]
        numbers = _plain(item, rows) if item.name.startswith("table5") else ANALYSES[item.name](item, rows)
        cells = numbers.set_index(["row", "column"])["ours"] / item.scale
        cells = cells.round(int(np.ceil(-np.log10(2 * item.tolerance) - 1e-9)))
        values[dataset] = [[cells.get((row, column)) for column in item.columns] for row in item.rows]
    study = {**item.source["study"], "datasets": list(DATASETS)}
    return dataclasses.replace(item, values=values, source={**item.source, "study": study})


def _plain(item: Item, rows: pd.DataFrame) -> pd.DataFrame:
    """Plain R squared of table 5, of each score or their mean."""
    scores, six = wide(rows), items_by_name()["table5"].columns
    parts = [variance_explained(scores.xs(d, drop_level=False), six) for d in scores.index.unique("dataset")]
    cells = pd.concat(parts).rename(columns={"by": "row", "name": "column", "plain": "ours"})
    if item.name == "table5_mean":
        cells = cells.groupby("row", as_index=False)["ours"].mean().assign(column="mean")
    return cells[["row", "column", "ours"]]


def items_by_name() -> dict[str, Item]:
    """Those of the 2019 study that are simulated here."""
    return {item.name: item for item in items() if item.name in ITEMS}


def verdicts(population: Population, seeds: int, studies: int) -> Iterator[pd.DataFrame]:
    """What `reproduce` says of pairs of studies, ours and theirs: a table a pair, of all items together."""
    chosen = items_by_name()
    study: dict[str, Any] = dict(chosen["fig2"].source["study"])
    ours, theirs = (Studies(study["models"], study["steps_of"], n) for n in (seeds, PUBLISHED_SEEDS))
    for number in range(studies):
        here = ours.of(population, np.random.default_rng([seeds, number, 0]))
        there = theirs.of(population, np.random.default_rng([PUBLISHED_SEEDS, number, 1]))
        parts = [reproduce(printed(item, there), here, ours.runs, PUBLISHED) for item in chosen.values()]
        yield pd.concat(parts, ignore_index=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how often each item's numbers are not covered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10, 50])
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=["skewed"], choices=list(KINDS))
    parser.add_argument("--spread", nargs="+", default=["unequal"], choices=["equal", "unequal"])
    chosen = parser.parse_args(arguments)
    table = read_study("reference")
    rows = []
    for seeds, kind, spread in product(chosen.seeds, chosen.kinds, chosen.spread):
        population = Population.fit(table, kind, spread == "unequal")
        pairs = pd.concat(verdicts(population, seeds, chosen.studies), keys=range(chosen.studies), names=["pair"])
        differing = 100 * pairs["verdict"].eq("not covered").groupby([pairs["item"], "pair"]).mean().unstack("pair")
        for item, shares in differing.iterrows():
            numbers = int((pairs["item"] == item).sum() / chosen.studies)
            counts = {"share": shares.mean(), "error": shares.std() / np.sqrt(len(shares)), "numbers": numbers}
            rows.append({"item": item, "seeds": seeds, "kind": kind, "spread": spread} | counts)
            print(rows[-1], file=sys.stderr)
    print(pd.DataFrame(rows).round(2).to_string(index=False))


if __name__ == "__main__":
    main()

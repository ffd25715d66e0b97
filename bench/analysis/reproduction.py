"""Ours beside what papers print: difference, interval, and whether the two can be compared at all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.agreement import TooFewRunsError, rank_correlations, wide
from bench.analysis.intervals import DRAWS, percentile_interval, resamples
from bench.analysis.names import PAPER
from bench.analysis.published import Item
from bench.analysis.transfer import complete_grid, transfer
from bench.analysis.variance import variance_explained
from bench.grid import Protocol, Run

COMPARED = ["row", "column", "ours", "low", "high", "runs", "seeds"]
SEED = 2019


class NothingToCompareError(ValueError):
    """The table has nothing that an item's numbers could be compared with; the message says why."""


def reproduce(item: Item, table: pd.DataFrame, runs: Iterable[Run], protocol: Protocol) -> pd.DataFrame:
    """Every number of an item with ours beside it, in the item's unit.

    Args:
        item: the paper's figure or table.
        table: the score table.
        runs: of the plan that the table is of; their schedules decide what is comparable.
        protocol: the scores are computed under.

    Returns:
        A row a printed number: item, dataset, row, column, published, ours, low, high (95 % by bootstrap over
        seeds), runs and seeds (a setting) behind ours, difference, verdict, reason. The verdict is "covered" where
        the interval, widened by the precision of print, holds the published number, else "not covered"; it is
        "not comparable" where ours is missing or rests on another budget, and the reason says which.
    """
    scored = set(table["run"])
    behind = [r for r in runs if r.id in scored]
    parts = []
    for dataset, numbers in item.numbers().groupby("dataset", sort=False):
        try:
            ours = _ours(item, str(dataset), table)
            missing = "no run of this table has it"
        except (NothingToCompareError, TooFewRunsError) as reason:
            ours, missing = pd.DataFrame(columns=COMPARED), str(reason)
        both = numbers.merge(ours, how="left", on=["row", "column"])
        both[["ours", "low", "high"]] = both[["ours", "low", "high"]].astype(float) / item.scale
        here = [r for r in behind if r.dataset == dataset or dataset == "all"]
        study = item.source.get("study")
        reasons = shortfalls(here, protocol, study)
        if dataset == "all" and study and (lacking := set(study["datasets"]) - {r.dataset for r in here}):
            reasons.append(f"{len(study['datasets']) - len(lacking)} data sets for {len(study['datasets'])}")
        parts.append(_judged(both, item, reasons, missing))
    return pd.concat(parts, ignore_index=True)


def _judged(both: pd.DataFrame, item: Item, reasons: list[str], missing: str) -> pd.DataFrame:
    wanted = item.source.get("study", {}).get("seeds", 0)
    verdicts, why = [], []
    for line in both.itertuples():
        own = [f"{line.seeds:.0f} seeds a setting for {wanted}"] if line.seeds < wanted else []
        against = [missing] if np.isnan(line.ours) else reasons + own
        inside = line.low - item.tolerance <= line.published <= line.high + item.tolerance
        verdicts.append("not comparable" if against else "covered" if inside else "not covered")
        why.append("; ".join(against))
    return both.assign(difference=both["ours"] - both["published"], verdict=verdicts, reason=why)


def shortfalls(runs: list[Run], protocol: Protocol, study: Mapping[str, Any] | None) -> list[str]:
    """How the runs behind our numbers differ from a study's; empty: not at all."""
    if study is None:
        return ["its source trained on a schedule of its own and scored with code of its own"]
    found = []
    for key, wanted in study["schedule"].items():
        others = study["steps_of"] if key == "steps" else {}
        differing = Counter(v for r in runs if (v := getattr(r.schedule, key)) != others.get(r.model, wanted))
        if differing:
            found.append(f"{key.replace('_', ' ')} {_written(differing.most_common(1)[0][0])} for {_written(wanted)}")
    settings = len({(r.model, r.value) for r in runs if r.model in study["models"]})
    if settings < study["settings"]:
        found.append(f"{settings} settings for {study['settings']}")
    if protocol.name != study["protocol"]:
        found.append(f"scored under the {protocol.name} protocol, on fewer samples")
    return found


def _written(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _ours(item: Item, dataset: str, table: pd.DataFrame) -> pd.DataFrame:
    """Our numbers of an item on one data set, in our unit: the columns `COMPARED`."""
    if item.name not in ANALYSES:
        raise NothingToCompareError("it is not computed here")
    models = item.source.get("study", {}).get("models")
    rows = table if models is None else table[table["model"].isin(models)]
    if dataset != "all":
        rows = rows[rows["dataset"] == dataset]
    if rows.empty:
        raise NothingToCompareError(f"there are no scores on {'any data set' if dataset == 'all' else dataset}")
    return ANALYSES[item.name](item, rows, np.random.default_rng(SEED))


def correlations(item: Item, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rank correlations of scores over all runs (figures 2 and 5)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    rows, columns = ([n for n in names if n in scores.columns] for names in (item.rows, item.columns))
    if not rows or not columns or (rows == columns and len(rows) < 2):
        raise NothingToCompareError("the table lacks the scores")
    return rank_correlations(scores, rows, columns, rng).rename(columns={"spearman": "ours"})[COMPARED]


def variance(item: Item, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Variance of scores explained by the model, and by model and strength (table 5)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    names = [n for n in item.columns if n in scores.columns]
    if not names:
        raise NothingToCompareError("the table lacks the scores")
    found = variance_explained(scores, names, rng)
    return found.rename(columns={"by": "row", "name": "column", "explained": "ours"})[COMPARED]


def transferred(item: Item, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """How often a setting chosen by one score does at least as well as a random one elsewhere (tables 1 and 6)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    grid = complete_grid(scores, [n for n in PAPER.values() if n in scores.columns])
    found = transfer(grid, rng).assign(runs=grid.scores[:, 0].size)
    names = {"row": found["metric"] + "_metric", "column": found["dataset"] + "_dataset"}
    percent = {"ours": "percent", "low": "low", "high": "high"}
    return found.assign(**names, **{k: found[v] * item.scale for k, v in percent.items()})[COMPARED]


def setting_statistics(item: Item, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Median or mean of a score over the seeds of settings (figures 1, 3 and 4)."""
    rows = table[table["factor"].isna() & (table["representation"] == item.representation)]
    return pd.DataFrame(_statistics(item, rows, rng), columns=COMPARED)


def _statistics(item: Item, rows: pd.DataFrame, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    statistic: Callable[..., Any] = getattr(np, item.statistic)
    for row, column in product(item.rows, item.columns):
        chosen = rows[_chosen(item, rows, row, column)].dropna(subset="score")
        if chosen.empty:
            continue
        values, strata = chosen["score"].to_numpy(), chosen["value"].to_list()
        low, high = percentile_interval(statistic(values[resamples(strata, DRAWS, rng)], axis=1))
        counts = {"runs": len(chosen), "seeds": min(Counter(strata).values())}
        yield {"row": row, "column": column, "ours": statistic(values), "low": low, "high": high} | counts


def _chosen(item: Item, rows: pd.DataFrame, row: str, column: str) -> pd.Series:
    """Which rows of the table are a cell's: of a (model, value) and the column's score, or of a model's strength."""
    if item.settings:
        model, value = item.settings.get(row, (None, None))
        return (rows["name"] == column) & (rows["model"] == model) & (rows["value"] == value)
    of_model = (rows["name"] == item.score) & (rows["model"] == item.same_as.get(row, row))
    return of_model if column == "all" else of_model & (rows["strength"] == int(column))


Analysis = Callable[[Item, pd.DataFrame, np.random.Generator], pd.DataFrame]

ANALYSES: dict[str, Analysis] = {
    "fig2": correlations,
    "fig5": correlations,
    "table5": variance,
    "table1": transferred,
    "fig4_left": setting_statistics,
    "fig3_left": setting_statistics,
    "fig1_sampled": setting_statistics,
    "fig1_mean": setting_statistics,
    "infogan_cr_table1": setting_statistics,
    "tc_gan_table1": setting_statistics,
}

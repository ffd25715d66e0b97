"""Our numbers compared with printed ones: difference, interval, and whether the two are comparable."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bench import registry
from bench.analysis.names import PAPER, in_range, span_of
from bench.analysis.published.numbers import Item
from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, wide
from bench.analysis.scores.transfer import complete_grid, transfer
from bench.analysis.scores.variance import SETTING, mean_variance_explained, omega_of_plain, variance_explained
from bench.analysis.statistics.centres import centres
from bench.analysis.statistics.intervals import MIN_SEEDS, numbered, spread, t_ends
from bench.store.files import digest
from bench.study.protocol import Protocol
from bench.study.run import Run
from bench.values import counted

COMPARED = ["row", "column", "ours", "low", "high", "runs", "seeds"]
Scale = tuple[Callable[[Any], Any], Callable[[Any], Any]]  # transformation, inverse
IDENTITY: Scale = (np.asarray, np.asarray)
OF_CORRELATION: Scale = (np.arctanh, np.tanh)
OF_SHARE: Scale = (lambda share: -np.log1p(-share), lambda y: 1 - np.exp(-y))
SCALES: dict[str, Scale] = {
    "fig2": OF_CORRELATION,
    "fig5": OF_CORRELATION,
    "table5": OF_SHARE,
    "table5_mean": OF_SHARE,
}  # transformations after which the interval is symmetric


class NothingToCompareError(ValueError):
    """The table has no counterpart of an item's numbers; the message says why."""


def reproduce(item: Item, table: pd.DataFrame, runs: Iterable[Run], protocol: Protocol) -> pd.DataFrame:
    """Every printed number of an item with our number, in the item's unit.

    Both are estimates. With n seeds per setting behind ours and N behind the printed one, our interval is widened by
    sqrt(1 + n / N), so that two studies of one population disagree in 5 % of the numbers.

    Args:
        item: the paper's figure or table.
        table: the score table.
        runs: of the table's plan; their schedules decide whether numbers are comparable.
        protocol: under which the scores are computed.

    Returns:
        A row per printed number: item, dataset, row, column, printed, published (the printed number, converted to our
        quantity if that differs), ours, low, high (95 %), low_of_difference, high_of_difference (widened), runs and
        seeds (per setting) behind ours, difference, verdict, reason. The verdict is "covered" if the widened interval,
        extended by the precision of print, contains the published number, else "not covered". It is "not comparable"
        if our number or its interval is missing or the schedule differs; the reason says which.
    """
    scored = set(table["run"])
    scored_runs = [r for r in runs if r.id in scored]
    parts = []
    for dataset, numbers in _without_bias(item).groupby("dataset", sort=False):
        try:
            ours = _ours(item, str(dataset), table)
            missing = "no run of this table has it"
        except (NothingToCompareError, TooFewRunsError) as reason:
            ours, missing = pd.DataFrame(columns=COMPARED), str(reason)
        merged = numbers.merge(ours, how="left", on=["row", "column"])
        runs_here = [r for r in scored_runs if r.dataset == dataset or dataset == "all"]
        study = item.source.get("study")
        reasons = shortfalls(runs_here, protocol, study)
        if dataset == "all" and study and (lacking := set(study["datasets"]) - {r.dataset for r in runs_here}):
            reasons.append(f"{len(study['datasets']) - len(lacking)} data sets for {len(study['datasets'])}")
        parts.append(_judged(_widened(merged, item), item, reasons, missing))
    return pd.concat(parts, ignore_index=True)


def _without_bias(item: Item) -> pd.DataFrame:
    """The printed numbers; shares of variance explained are made unbiased (omega squared), as ours are."""
    numbers = item.numbers().assign(printed=lambda n: n["published"]).astype({"published": float})
    if item.name not in ("table5", "table5_mean"):
        return numbers
    study = item.source["study"]
    full = numbers[numbers["row"] == "model x strength"].set_index(["dataset", "column"])["printed"]
    for line in numbers.itertuples():
        groups = len(study["models"]) if line.row == "model" else study["settings"]
        by_settings = full[line.dataset, line.column] * item.scale
        plain = line.printed * item.scale
        omega = omega_of_plain(plain, by_settings, groups, study["settings"], study["settings"] * study["seeds"])
        numbers.loc[line.Index, "published"] = omega / item.scale
    return numbers


def _widened(merged: pd.DataFrame, item: Item) -> pd.DataFrame:
    """Our numbers in the item's unit, their intervals widened for the error of the printed number."""
    transformed, inverse = SCALES.get(item.name, IDENTITY)
    published_seeds = item.source.get("study", {}).get("seeds", 0)
    ours, low, high = (merged[name].astype(float) for name in ("ours", "low", "high"))
    factor = np.sqrt(1 + merged["seeds"].astype(float) / published_seeds) if published_seeds else np.nan
    with np.errstate(divide="ignore"):
        middle = transformed(ours)
        ends = {f"{side}_of_difference": inverse(middle + factor * (transformed(end) - middle))
                for side, end in (("low", low), ("high", high))}  # fmt: skip
    return merged.assign(**{n: v / item.scale for n, v in ({"ours": ours, "low": low, "high": high} | ends).items()})


def _judged(merged: pd.DataFrame, item: Item, reasons: list[str], missing: str) -> pd.DataFrame:
    published_seeds = item.source.get("study", {}).get("seeds", 0)
    verdicts, explanations = [], []
    for line in merged.itertuples():
        count = f"{line.seeds:.0f} seed{'' if line.seeds == 1 else 's'} a setting"
        few_seeds = [f"{count} for {published_seeds or MIN_SEEDS}"] if line.seeds < MIN_SEEDS else []
        no_interval = [] if few_seeds or not np.isnan(line.low) else ["ours has no interval"]
        absent = missing if np.isnan(line.runs) else "a score is the same in all of its runs"
        against = [absent] if np.isnan(line.ours) else reasons + few_seeds + no_interval
        low, high = line.low_of_difference - item.tolerance, line.high_of_difference + item.tolerance
        verdicts.append("not comparable" if against else "covered" if low <= line.published <= high else "not covered")
        explanations.append("; ".join(against))
    return merged.assign(difference=merged["ours"] - merged["published"], verdict=verdicts, reason=explanations)


def shortfalls(runs: list[Run], protocol: Protocol, study: Mapping[str, Any] | None) -> list[str]:
    """How our runs and their scoring differ from a study's, in words; empty if they do not."""
    if study is None:
        return ["its source used another schedule and other scoring code"]
    reasons = []
    for key, published in study["schedule"].items():
        by_model = study["steps_of"] if key == "steps" else {}
        differing = Counter(v for r in runs if (v := getattr(r.schedule, key)) != by_model.get(r.model, published))
        if differing:
            common = _written(differing.most_common(1)[0][0])
            reasons.append(f"{key.replace('_', ' ')} {common} for {_written(published)}")
    settings = len({(r.model, r.value) for r in runs if r.model in study["models"]})
    if settings < study["settings"]:
        reasons.append(f"{counted(settings, 'setting')} for {study['settings']}")
    return reasons + _other_protocol(protocol, study["protocol"])


def _other_protocol(protocol: Protocol, published_name: str) -> list[str]:
    """How a protocol differs from the study's, which encodes every image and has the published sample sizes."""
    reasons = [] if protocol.name == published_name else [f"scored under the {protocol.name} protocol"]
    for name in ("pool", "num_points", "num_train", "num_test"):
        if (size := getattr(protocol, name)) is not None:
            reasons.append(f"{size:,} {'images encoded' if name == 'pool' else name} for the study's")
    for metric, options in protocol.options.items():
        published = _defaults(metric)
        reasons += [f"{metric} with {name} {_written(value)}" for name, value in options.items()
                    if name not in published or digest(published[name]) != digest(value)]  # fmt: skip
    return reasons


def _defaults(metric: str) -> Mapping[str, Any]:
    """A metric's options under the published protocol; empty for a metric that cannot be loaded."""
    if metric in registry.faults("metrics"):
        return {}
    parameters = inspect.signature(registry.load("metrics", metric)).parameters
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty}


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
    return ANALYSES[item.name](item, rows)


def correlations(item: Item, table: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of scores over all runs (figures 2 and 5)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    rows, columns = ([n for n in names if n in scores.columns] for names in (item.rows, item.columns))
    if not rows or not columns or (rows == columns and len(rows) < 2):
        raise NothingToCompareError("the table lacks the scores")
    return rank_correlations(scores, rows, columns).rename(columns={"spearman": "ours"})[COMPARED]


def variance(item: Item, table: pd.DataFrame) -> pd.DataFrame:
    """Variance of scores explained by the model, and by model and strength (table 5)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    names = [n for n in item.columns if n in scores.columns]
    if not names:
        raise NothingToCompareError("the table lacks the scores")
    shares = variance_explained(scores, names)
    return shares.rename(columns={"by": "row", "name": "column", "explained": "ours"})[COMPARED]


def mean_variance(item: Item, table: pd.DataFrame) -> pd.DataFrame:
    """The mean of table 5's cells over metrics and data sets."""
    scores = wide(table, item.representation)
    if lacking := [n for n in PAPER.values() if n not in scores.columns]:
        raise NothingToCompareError(f"the table lacks {', '.join(lacking)}")
    means = mean_variance_explained(scores, list(PAPER.values()))
    return means.rename(columns={"by": "row", "explained": "ours"}).assign(column="mean")[COMPARED]


def transferred(item: Item, table: pd.DataFrame) -> pd.DataFrame:
    """How often a setting chosen by one score does at least as well as a random one elsewhere (tables 1 and 6)."""
    scores = wide(table, item.representation).dropna(axis="columns", how="all")
    grid = complete_grid(scores, [n for n in PAPER.values() if n in scores.columns])
    percents = transfer(grid).assign(runs=grid.scores[:, 0].size)
    names = {"row": percents["metric"] + "_metric", "column": percents["dataset"] + "_dataset"}
    percent = {"ours": "percent", "low": "low", "high": "high"}
    return percents.assign(**names, **{k: percents[v] * item.scale for k, v in percent.items()})[COMPARED]


def setting_statistics(item: Item, table: pd.DataFrame) -> pd.DataFrame:
    """Median or mean of a score over the seeds of settings (figures 1, 3 and 4)."""
    rows = table[table["factor"].isna() & (table["representation"] == item.representation)]
    return pd.DataFrame(_statistics(item, rows), columns=COMPARED)


def _statistics(item: Item, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A median, or a mean, over the seeds of one setting or over all settings of a model."""
    medians: dict[str, pd.DataFrame] = {}
    for row, column in product(item.rows, item.columns):
        chosen = rows[_chosen(item, rows, row, column)].dropna(subset="score")
        if chosen.empty:
            continue
        values, labels = chosen["score"].to_numpy(), numbered(chosen["value"].to_list())
        seeds = int(np.bincount(labels).min())
        ends: tuple[float, float] = (np.nan, np.nan)
        name = str(chosen["name"].iloc[0])
        if seeds >= MIN_SEEDS and item.statistic == "mean":
            ends = _pair(in_range(t_ends(values.mean(), *spread(values, labels)), [name]))
        elif seeds >= MIN_SEEDS and labels.max() > 0:  # quantiles at the interval of the share of scores below
            share = t_ends(0.5, *spread((values <= np.median(values)).astype(float), labels))
            ends = _pair(np.quantile(values, np.clip(share, 0, 1)))
        elif seeds >= MIN_SEEDS:
            setting = tuple(chosen[SETTING].iloc[0])
            if name not in medians:
                medians[name] = _of_settings(rows[rows["name"] == name], name)
            ends = _pair(medians[name].loc[setting, ["low", "high"]])
        counts = {"runs": len(chosen), "seeds": seeds}
        ours = getattr(np, item.statistic)(values)
        yield {"row": row, "column": column, "ours": ours, "low": ends[0], "high": ends[1]} | counts


def _of_settings(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Centres of every setting of a score, with pooled variances, by (model, value)."""
    groups = rows.dropna(subset=["score", "value"]).groupby(SETTING, observed=True)["score"]
    of_settings = centres([group.to_numpy() for _, group in groups], span_of(name))
    return of_settings.set_index(pd.MultiIndex.from_tuples(groups.groups))


def _pair(ends: Iterable[Any]) -> tuple[float, float]:
    low, high = map(float, ends)
    return low, high


def _chosen(item: Item, rows: pd.DataFrame, row: str, column: str) -> pd.Series:
    """Which rows of the table belong to a cell: a (model, value) and the column's score, or a model's strength."""
    if item.settings:
        model, value = item.settings.get(row, (None, None))
        return (rows["name"] == column) & (rows["model"] == model) & (rows["value"] == value)
    model_rows = (rows["name"] == item.score) & (rows["model"] == item.same_as.get(row, row))
    return model_rows if column == "all" else model_rows & (rows["strength_index"] == int(column))


Analysis = Callable[[Item, pd.DataFrame], pd.DataFrame]

ANALYSES: dict[str, Analysis] = {
    "fig2": correlations,
    "fig5": correlations,
    "table5": variance,
    "table5_mean": mean_variance,
    "table1": transferred,
    "fig4_left": setting_statistics,
    "fig3_left": setting_statistics,
    "fig1_sampled": setting_statistics,
    "fig1_mean": setting_statistics,
    "infogan_cr_table1": setting_statistics,
    "tc_gan_table1": setting_statistics,
}

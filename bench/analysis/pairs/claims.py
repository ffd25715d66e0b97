"""Does A score higher than B? A claim in words, and the verdict of the existing runs on it.

`factor_vae > beta_vae on mig, dsprites` compares all runs of two models; `beta_vae beta=4 > beta_vae beta=1 on mig`
compares two settings, on every data set that has both; `beta_vae > beta_vae on 100 images on mig` compares what a model
is trained on, by the names that boards have.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench import registry
from bench.analysis.names import apart, dataset_title, setting_title
from bench.analysis.scores.dead import dead_runs
from bench.analysis.scores.superiority import probability_of_beating
from bench.analysis.statistics.estimates import estimate
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered, t_ends, t_quantile, together
from bench.study.run import TRAINED_ON
from bench.values import ConfigError, counted

MOST_SEEDS = 10_000  # the largest number of needed seeds that is predicted
_CLAIM = re.compile(r"(?P<more>.+?)(?P<sign>[<>])(?P<less>.+)\s+on\s+(?P<score>[^,]+?)(?:,(?P<dataset>.+))?")
_SIDE = re.compile(r"(?P<model>[^\s=]+(?: on .+?)?)(?:\s+(?P<name>[^\s=]+)=(?P<value>\S+))?")
FORM = "A > B on SCORE[, DATASET], such as 'factor_vae > beta_vae on mig, dsprites' or 'beta_vae beta=4 > pca on mig'"


@dataclass(frozen=True)
class Side:
    """The runs of a model, or of one of its settings."""

    model: str
    hyperparameter: str | None = None
    value: float | None = None

    def __str__(self) -> str:
        return setting_title(self.model, self.hyperparameter, self.value)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Its rows of a score table.

        Raises:
            ConfigError: the model sweeps another hyper-parameter.
        """
        rows = table[table["model"] == self.model]
        if self.value is None or rows.empty:
            return rows
        swept = sorted(rows["hyperparameter"].dropna().unique())
        if self.hyperparameter not in swept:
            names = ", ".join(swept) or "nothing"
            raise ConfigError(f"runs of {self.model} differ in {names}, not in {self.hyperparameter}")
        return rows[np.isclose(rows["value"].astype(float), self.value)]


@dataclass(frozen=True)
class Claim:
    """The claim that the runs of one side score higher than those of another."""

    more: Side
    less: Side
    score: str
    dataset: str | None

    def __str__(self) -> str:
        return f"{self.more} > {self.less} on {self.score}"


@dataclass(frozen=True)
class Verdict:
    """The verdict of the runs on one data set; intervals are 95 %, missing below 5 seeds of a setting.

    Attributes:
        score: its name in the table.
        dataset, schedule: of the runs.
        difference, low, high: difference of the interquartile means of the two sides, and its interval.
        probability, probability_low, probability_high: probability that a run of the first side scores higher than one
            of the other, and its interval.
        runs: number on each side.
        dead: number of dead runs on each side.
        seeds: the fewest of a setting.
        seeds_needed: estimated seeds per setting for which the interval of a difference of this size would exclude 0;
            if the true difference is of this size, it does in one study of two. None: unknown.
    """

    score: str
    dataset: str
    schedule: str
    difference: float
    low: float
    high: float
    probability: float
    probability_low: float
    probability_high: float
    runs: tuple[int, int]
    dead: tuple[int, int]
    seeds: int
    seeds_needed: int | None

    @property
    def word(self) -> str:
        """ "supported", "contradicted", "open", or "unknown" without an interval."""
        if np.isnan(self.low):
            return "unknown"
        return "supported" if self.low > 0 else "contradicted" if self.high < 0 else "open"


def read_claim(text: str) -> Claim:
    """Parse a claim.

    Raises:
        ConfigError: the text does not have the form of a claim; the message shows that form.
    """
    match = _CLAIM.fullmatch(text.strip())
    sides = match and [_SIDE.fullmatch(match[name].strip()) for name in ("more", "less")]
    if not match or not sides or None in sides:
        raise ConfigError(f"a claim has the form {FORM}; got {text!r}")
    more, less = (_side(side) for side in sides if side is not None)
    if match["sign"] == "<":
        more, less = less, more
    if more == less:
        raise ConfigError(f"both sides of {text!r} are the same")
    return Claim(more, less, match["score"].strip(), match["dataset"].strip() if match["dataset"] else None)


def _side(match: re.Match[str]) -> Side:
    if match["value"] is None:
        return Side(match["model"])
    try:
        return Side(match["model"], match["name"], float(match["value"]))
    except ValueError:
        raise ConfigError(f"{match['name']}={match['value']}: the value of a hyper-parameter is a number") from None


def weigh(claim: Claim, table: pd.DataFrame) -> list[Verdict]:
    """A verdict on a claim for each data set and schedule that has runs of both sides, whatever they are trained on.

    Args:
        claim: to be judged.
        table: the score table; scores of mean codes are compared.

    Raises:
        UnknownNameError: no runs of a model or data set, or no such score; the message offers the nearest.
        ConfigError: the two sides have no data set and schedule in common.
    """
    table = apart(table)
    budgets = {label: str(label).partition(TRAINED_ON)[0] for label in table["schedule"].unique()}
    table = table.assign(schedule=table["schedule"].astype(object).map(budgets))
    for kind, name, names in (
        ("model with scores", claim.more.model, table["model"]),
        ("model with scores", claim.less.model, table["model"]),
        ("data set with scores", claim.dataset, table["dataset"]),
    ):
        if name is not None and name not in set(names):
            raise registry.unknown(kind, name, sorted(names.unique()))
    name = score_named(claim.score, table)
    eligible = table["representation"].isna() | table["representation"].eq("mean").fillna(False)
    chosen = table[eligible & table["factor"].isna() & (table["name"] == name)]
    chosen = chosen if claim.dataset is None else chosen[chosen["dataset"] == claim.dataset]
    more, less = claim.more.rows(chosen), claim.less.rows(chosen)
    keys, dead = ["dataset", "schedule"], dead_runs(table)
    common = [key for key in more.groupby(keys).groups if key in less.groupby(keys).groups]
    if not common:
        schedules = [", ".join(sorted(rows["schedule"].unique())) or "no run" for rows in (more, less)]
        where = f" on {claim.dataset}" if claim.dataset else ""
        raise ConfigError(
            f"{claim}: no runs{where} of both sides were trained under one schedule and have {name}: "
            f"{claim.more}: {schedules[0]}; {claim.less}: {schedules[1]}. Runs of different schedules are not compared"
        )
    more_groups, less_groups = more.groupby(keys), less.groupby(keys)
    return [
        _verdict((name, *key), more_groups.get_group(key), less_groups.get_group(key), dead) for key in sorted(common)
    ]


def score_named(name: str, table: pd.DataFrame) -> str:
    """The name of a score in a table, given that name or the name of the metric whose headline it is.

    Raises:
        UnknownNameError: it is neither; the message offers the nearest.
    """
    names = sorted(table["name"].unique())
    metrics = set(table["metric"]) & set(registry.names("metrics"))
    headlines = {metric: registry.load("metrics", metric).metric.headline for metric in metrics}
    if name not in names and headlines.get(name) not in names:
        raise registry.unknown("score", name, [*names, *sorted(metrics)])
    return name if name in names else str(headlines[name])


def _verdict(key: tuple[str, str, str], more: pd.DataFrame, less: pd.DataFrame, dead: frozenset[str]) -> Verdict:
    rng = np.random.default_rng(0)  # its draws are not used
    sides = [estimate(rows, ["score"], np.array([len(rows)]), rng) for rows in (more, less)]
    difference = float(sides[0].point[0] - sides[1].point[0])
    values, labels = zip(*[_values(rows) for rows in (more, less)], strict=True)
    seeds = min(side.seeds for side in sides)
    has_interval = seeds >= MIN_SEEDS
    beating = probability_of_beating(*values, *(labels if has_interval else (None, None)))
    low = high = np.nan
    needed = None
    if has_interval:
        errors, freedoms = np.array([(side.error[0], side.freedom[0]) for side in sides]).T
        error, freedom = (float(v) for v in together(errors, freedoms))
        low, high = (float(end) for end in t_ends(difference, error, freedom))
        available = np.array([len(of_side) / len(np.unique(of_side)) for of_side in labels])
        needed = _seeds_needed(abs(difference), errors, freedoms, available)
    dead_more, dead_less = (int(rows["run"].isin(dead).sum()) for rows in (more, less))
    return Verdict(
        *key, difference, low, high, beating.probability, beating.low, beating.high,
        (len(more), len(less)), (dead_more, dead_less), seeds, needed,
    )  # fmt: skip


def _values(rows: pd.DataFrame) -> tuple[Floats, NDArray[np.int64]]:
    return rows["score"].to_numpy(np.float64), numbered([repr(v) for v in rows["value"].astype(float)])


def _seeds_needed(difference: float, errors: Floats, freedoms: Floats, available: Floats) -> int | None:
    """Predicted number of seeds per setting for which half a 95 % interval is smaller than a difference.

    The error of a side falls as 1 / sqrt(n); its degrees of freedom grow as n - 1.

    Args:
        difference: of the two sides.
        errors, freedoms: (2,) standard error of each side, and its degrees of freedom.
        available: (2,) seeds a setting of each side, on average.
    """
    counts = np.arange(MIN_SEEDS, MOST_SEEDS + 1)[:, None]
    grown = (counts - 1) / (available - 1)
    error, freedom = together(errors * np.sqrt(available / counts), freedoms * grown, axis=1)
    enough = np.flatnonzero(t_quantile(freedom) * error < difference)
    return int(counts[enough[0], 0]) if len(enough) else None


def sentence(claim: Claim, v: Verdict) -> str:
    """A verdict in words."""
    runs = f"{v.runs[0]} and {counted(v.runs[1], 'run')}, {counted(v.seeds, 'seed')} a setting, {v.schedule}"
    dead = f"; {v.dead[0]} and {v.dead[1]} of them encode nothing" if any(v.dead) else ""
    start = f"{dataset_title(v.dataset)}: {claim}"
    size = f"{abs(v.difference):.3f} {'higher' if v.difference >= 0 else 'lower'}"
    if v.word == "unknown":
        need = f"an interval needs {MIN_SEEDS} seeds of each setting"
        return f"{start} cannot be judged: the first is {size}, but {need} ({runs}{dead})."
    if v.low == v.high == 0:
        return f"{start} is open: all runs have the same score ({runs}{dead})."
    wins = (
        f"one of its runs scores higher with probability {v.probability:.2f} "
        f"({v.probability_low:.2f} to {v.probability_high:.2f})"
    )
    ends = f"95 % interval of the difference {v.low:.3f} to {v.high:.3f}"
    if v.word == "open":
        many = f"about {v.seeds_needed:,} seeds" if v.seeds_needed else f"more than {MOST_SEEDS:,} seeds"
        more = f" A difference of this size would be settled by {many} of each setting, in one study of two."
    else:
        more = ""
    return f"{start} is {v.word}: the first is {size} ({ends}); {wins} ({runs}{dead}).{more}"

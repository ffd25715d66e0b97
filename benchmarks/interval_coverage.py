"""Do 95 % intervals hold the truth in 95 % of studies? Simulated studies with effects fitted to a score table.

python -m benchmarks.interval_coverage [--seeds 5 10] [--studies 400] [--of coverage|forecast] [--table DIR]
python -m benchmarks.interval_coverage --statistics "partial spearman" --settings 2 --seeds 3 4 5

A study has 36 settings (6 models x 6 strengths), n seeds each, and 8 scores on two data sets. Means, spreads and
correlations of the scores are those of the reference table; the seeds' residuals are normal, skewed (gamma) or heavy (t
with 4 degrees of freedom), of one variance a score (equal) or of each setting's own (unequal). The intervals are those
that the figures show: this calls the same functions. `--settings N`: studies of N settings, evenly spread over the 36,
for statistics that do not compare models.

Printed for each statistic: the share of its intervals that hold the truth, the same of its worst cells (5 %
quantile), how often the truth lies below and above, the mean width, and milliseconds a study. `--of forecast`: the
width that n seeds are foretold to give over the width that they give, in per cent. How often a number of a second study
is called another: `benchmarks.verdict`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bench.analysis.board.ranking import Contest, standings
from bench.analysis.scores.agreement import correlated, wide
from bench.analysis.scores.datasets import correlated_medians, median_noise
from bench.analysis.scores.partial import partly_correlated
from bench.analysis.scores.precision import width_against_seeds
from bench.analysis.scores.superiority import probability_of_beating
from bench.analysis.scores.transfer import Grid, transfer
from bench.analysis.scores.variance import explained, mean_explained
from bench.analysis.statistics.centres import centres
from bench.analysis.statistics.estimates import estimate
from bench.analysis.statistics.intervals import t_ends, together
from bench.metrics.base import Score
from bench.store.tables import TableFolder
from bench.table.reference import read_reference, read_study

Floats = NDArray[np.float64]
NAMES = (
    "beta_vae_test", "factor_vae_test", "mig", "dci_disentanglement", "modularity", "sap", "explicitness_test", "irs",
)  # fmt: skip
MODELS, STRENGTHS = 6, 6
KINDS = ("normal", "skewed", "heavy")
QUANTILES = np.linspace(-6, 6, 2401)  # of a standard normal
UPPER = np.triu_indices(len(NAMES), 1)
PAIRS = np.triu_indices(MODELS, 1)
BIG = 3000  # seeds of the study whose statistic is the truth where no formula gives it
MODEL_OF = np.repeat(np.arange(MODELS), STRENGTHS)
GROUPINGS = (MODEL_OF, np.arange(len(MODEL_OF)))


def residuals(kind: str) -> Floats:
    """Residuals of mean 0 and variance 1 at `QUANTILES`."""
    shares, weights = stats.norm.cdf(QUANTILES), stats.norm.pdf(QUANTILES)
    shapes = {"normal": QUANTILES, "skewed": stats.gamma.ppf(shares, 1.5), "heavy": stats.t.ppf(shares, 4)}
    centred = shapes[kind] - (weights * shapes[kind]).sum() / weights.sum()
    return np.asarray(centred / np.sqrt((weights * centred**2).sum() / weights.sum()))


@dataclass(frozen=True)
class Population:
    """What studies are drawn from.

    Attributes:
        mean: (D, K, S): data sets, settings, scores.
        scale: (D, K, S) standard deviation over seeds.
        root: (D, S, S) Cholesky root of the correlation of a run's residuals.
        sign: (D, S) the side on which skewed residuals have their tail.
        kind: of residuals.
    """

    mean: Floats
    scale: Floats
    root: Floats
    sign: Floats
    kind: str

    @classmethod
    def fit(cls, table: pd.DataFrame, kind: str, unequal: bool) -> "Population":
        """The effects of a score table of 36 settings; `unequal`: each setting has a variance of its own."""
        parts = []
        for _, scores in wide(table)[list(NAMES)].dropna().groupby("dataset"):
            groups = scores.groupby(["model", "value"])
            mean, seeds = groups.mean(), groups.size().min()
            rest = scores - groups.transform("mean")
            covariance = rest.to_numpy().T @ rest.to_numpy() / (len(scores) - len(mean))
            deviation = np.sqrt(np.diag(covariance))
            root = np.linalg.cholesky(covariance / np.outer(deviation, deviation) + 1e-9 * np.eye(len(deviation)))
            between = mean.var()
            without_noise = np.maximum(between - deviation**2 / seeds, 0.05 * between)
            effects = mean.mean() + (mean - mean.mean()) * np.sqrt(without_noise / between)
            ratio = np.sqrt(groups.var().to_numpy() / deviation**2).clip(0.3, 3) if unequal else np.ones(mean.shape)
            ratio = ratio / np.sqrt((ratio**2).mean(axis=0))
            parts.append((effects.to_numpy(), deviation * ratio, root, np.where(rest.skew() < 0, -1.0, 1.0)))
        return cls(*(np.stack(part) for part in zip(*parts, strict=True)), kind)

    def only(self, settings: int) -> "Population":
        """The same with so many settings, evenly spread over those that there are."""
        kept = np.arange(settings) * self.mean.shape[1] // settings
        return replace(self, mean=self.mean[:, kept], scale=self.scale[:, kept])

    def draw(self, seeds: int, rng: np.random.Generator) -> Floats:
        """A study: (D, K, seeds, S)."""
        datasets, settings, scores = self.mean.shape
        normal = np.einsum("dkns,dts->dknt", rng.standard_normal((datasets, settings, seeds, scores)), self.root)
        sign = self.sign[:, None, None]
        rest = sign * np.interp(sign * normal, QUANTILES, residuals(self.kind))
        return self.mean[:, :, None] + self.scale[:, :, None] * rest

    def centre(self, low: float, high: float) -> Floats:
        """The mean of each setting between two quantiles (of a median: around 0.5), exactly: (D, K, S)."""
        shares = np.linspace(low, high, 2001)
        normal = stats.norm.ppf((shares[1:] + shares[:-1]) / 2)
        rest = np.interp(self.sign[..., None] * normal, QUANTILES, residuals(self.kind)).mean(axis=-1)
        return self.mean + self.scale * (self.sign * rest)[:, None]


Ends = tuple[Floats, Floats, Floats]  # point, low, high


def flat(study: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The runs of the first data set (N, S), and the setting of each."""
    _, settings, seeds, scores = study.shape
    return study[0].reshape(-1, scores), np.repeat(np.arange(settings), seeds)


def model_estimates(study: Floats) -> Iterator[Any]:
    values, labels = flat(study)
    for model in range(MODELS):
        rows = MODEL_OF[labels] == model
        runs = pd.DataFrame(values[rows], columns=list(NAMES)).assign(value=labels[rows].astype(float))
        yield estimate(runs, NAMES, np.full(len(NAMES), rows.sum()), np.random.default_rng([2019, model]))


def iqms(study: Floats) -> Ends:
    parts = list(model_estimates(study))
    point, error, freedom = (np.stack([getattr(p, name) for p in parts]) for name in ("point", "error", "freedom"))
    return point, *t_ends(point, error, freedom)


def ranks(study: Floats) -> Ends:
    parts = list(model_estimates(study))
    point, draws = np.stack([p.point for p in parts]), np.stack([p.draws for p in parts], axis=1)
    contests = [Contest(point[:, k], draws[:, :, k], Score(0, 1)) for k in range(len(NAMES))]
    places = standings(contests)
    return tuple(places[name].to_numpy() for name in ("rank", "rank_low", "rank_high"))  # type: ignore[return-value]


def setting_centres(centre: str) -> Callable[[Floats], Ends]:
    names = {"median": ("median", "low", "high"), "iqm": ("iqm", "iqm_low", "iqm_high")}[centre]

    def of(study: Floats) -> Ends:
        frames = [centres(list(study[0, :, :, k])) for k in range(len(NAMES))]
        return tuple(np.stack([f[name].to_numpy() for f in frames], axis=1) for name in names)  # type: ignore[return-value]

    return of


def correlations(study: Floats) -> Ends:
    cells = correlated(*flat(study))
    return tuple(cells[name][UPPER] for name in ("spearman", "low", "high"))  # type: ignore[return-value]


def partial_correlations(study: Floats) -> Ends:
    """Of each score with the next, given the one after it."""
    values, labels = flat(study)
    scores = range(len(NAMES))
    cells = [partly_correlated(values[:, [(k + i) % len(scores) for i in range(3)]], labels) for k in scores]
    return tuple(np.array([float(c[name]) for c in cells]) for name in ("spearman", "low", "high"))  # type: ignore[return-value]


def differences(study: Floats) -> Ends:
    """Of correlations on the two data sets, which are independent."""
    labels = flat(study)[1]
    sides = [correlated(x.reshape(-1, x.shape[-1]), labels) for x in study]
    point = sides[0]["spearman"] - sides[1]["spearman"]
    errors, freedoms = (np.stack([side[name] for side in sides]) for name in ("error", "freedom"))
    return tuple(v[UPPER] for v in (point, *t_ends(point, *together(errors, freedoms))))  # type: ignore[return-value]


def beating(study: Floats) -> Ends:
    values, labels = flat(study)
    cells = []
    for a, b in zip(*PAIRS, strict=True):
        of_a, of_b = MODEL_OF[labels] == a, MODEL_OF[labels] == b
        sides = [np.unique(labels[rows], return_inverse=True)[1] for rows in (of_a, of_b)]
        cells += [probability_of_beating(values[of_a, k], values[of_b, k], *sides) for k in range(len(NAMES))]
    return tuple(np.array([getattr(c, n) for c in cells]) for n in ("probability", "low", "high"))  # type: ignore[return-value]


def explained_shares(study: Floats) -> Ends:
    parts = [explained(study[0], groups) for groups in GROUPINGS]
    return tuple(np.stack([getattr(p, name) for p in parts]) for name in ("omega", "low", "high"))  # type: ignore[return-value]


def mean_of_shares(study: Floats) -> Ends:
    parts = [mean_explained([(block, groups) for block in study]) for groups in GROUPINGS]
    return tuple(np.array([getattr(p, name) for p in parts]) for name in ("omega", "low", "high"))  # type: ignore[return-value]


def across_datasets(study: Floats) -> Ends:
    seeds, cells = study.shape[2], []
    for k in range(len(NAMES)):
        medians = [np.median(x[:, :, k], axis=1) for x in study]
        noise = [median_noise(list(x[:, :, k].var(axis=1, ddof=1)), [seeds] * len(x)) for x in study]
        cells.append(correlated_medians(medians, noise, np.random.default_rng(k)))
    return tuple(np.array([c[name] for c in cells]) for name in ("spearman", "low", "high"))  # type: ignore[return-value]


def transfers(study: Floats) -> Ends:
    rows = transfer(Grid(study.transpose(0, 3, 1, 2), ("a", "b"), NAMES))
    return tuple(rows[name].to_numpy() for name in ("percent", "low", "high"))  # type: ignore[return-value]


def true_shares(population: Population) -> Floats:
    return _shares(population)[:, 0]


def true_mean_shares(population: Population) -> Floats:
    return _shares(population).mean(axis=(1, 2))


def _shares(population: Population) -> Floats:
    """Of each grouping, data set and score: (2, D, S)."""
    means, within = population.mean, (population.scale**2).mean(axis=1)
    of_models = means.reshape(len(means), MODELS, STRENGTHS, -1).mean(axis=2)
    return np.stack([of_models.var(axis=1), means.var(axis=1)]) / (means.var(axis=1) + within)


def true_transfers(population: Population) -> Floats:
    return transfers(population.draw(400, np.random.default_rng(1)))[0]


def true_across_datasets(population: Population) -> Floats:
    first, second = population.centre(0.499999, 0.500001)
    return np.array([stats.spearmanr(first[:, k], second[:, k])[0] for k in range(len(NAMES))])


@dataclass(frozen=True)
class Statistic:
    """What figures show: (point, low, high) of a study; and its truth, of a population."""

    ends: Callable[[Floats], Ends]
    truth: Callable[[Population], Floats]


def in_the_long_run(ends: Callable[[Floats], Ends], seeds: int = BIG) -> Callable[[Population], Floats]:
    """The statistic of a study of thousands of seeds."""
    return lambda population: ends(population.draw(seeds, np.random.default_rng(1)))[0]


STATISTICS = {
    "iqm": Statistic(iqms, in_the_long_run(iqms)),
    "setting median": Statistic(setting_centres("median"), lambda p: p.centre(0.499999, 0.500001)[0]),
    "setting iqm": Statistic(setting_centres("iqm"), lambda p: p.centre(0.25, 0.75)[0]),
    "spearman": Statistic(correlations, in_the_long_run(correlations, 300)),
    "partial spearman": Statistic(partial_correlations, in_the_long_run(partial_correlations, 300)),
    "difference of correlations": Statistic(differences, in_the_long_run(differences, 300)),
    "beat": Statistic(beating, in_the_long_run(beating)),
    "variance explained": Statistic(explained_shares, true_shares),
    "mean of variance explained": Statistic(mean_of_shares, true_mean_shares),
    "across data sets": Statistic(across_datasets, true_across_datasets),
    "rank": Statistic(ranks, in_the_long_run(ranks)),
    "transfer": Statistic(transfers, true_transfers),
}


def coverage(population: Population, statistic: Statistic, seeds: int, studies: int) -> dict[str, float]:
    """How often its intervals hold the truth, over simulated studies; every share in per cent."""
    truth = statistic.truth(population)
    held, below, above, width, spent = [], 0.0, 0.0, 0.0, 0.0
    for number in range(studies):
        study = population.draw(seeds, np.random.default_rng([0, seeds, number]))
        started = time.perf_counter()
        _, low, high = statistic.ends(study)
        spent += time.perf_counter() - started
        held.append(np.where(np.isnan(high - low), np.nan, (low <= truth + 1e-9) & (truth <= high + 1e-9)))
        below += np.mean(truth < low - 1e-9) / studies
        above += np.mean(truth > high + 1e-9) / studies
        width += np.nanmean(high - low) / studies
    cells = 100 * np.nanmean(held, axis=0)
    shares = {"coverage": cells.mean(), "worst": np.quantile(cells, 0.05), "below": 100 * below, "above": 100 * above}
    return {name: float(v) for name, v in (shares | {"width": width, "ms": 1000 * spent / studies}).items()}


def forecast(population: Population, available: int, studies: int) -> pd.DataFrame:
    """Width that n seeds are foretold to give, over the width that studies of n seeds have, in per cent."""

    def widths(seeds: int) -> pd.DataFrame:
        frames = []
        for number in range(studies):
            values, labels = flat(population.draw(seeds, np.random.default_rng([seeds, number])))
            index = pd.MultiIndex.from_arrays(
                [["d"] * len(labels), MODEL_OF[labels], labels, np.tile(np.arange(seeds), len(MODEL_OF))],
                names=["dataset", "model", "value", "seed"],
            )
            frames.append(width_against_seeds(pd.DataFrame(values, index, list(NAMES)), NAMES))
        return pd.concat(frames).groupby(["statistic", "seeds"])["width"].mean()

    foretold = widths(available)
    rows = []
    for statistic, seeds in foretold.index:
        had = widths(seeds)[statistic, seeds]
        rows.append(
            {"statistic": statistic, "from": available, "n": seeds, "percent": 100 * foretold[statistic, seeds] / had}
        )
    return pd.DataFrame(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="folder of an exported table; by default the reference table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--settings", type=int, default=MODELS * STRENGTHS)
    parser.add_argument("--statistics", nargs="+", default=list(STATISTICS), choices=list(STATISTICS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--spread", nargs="+", default=["equal", "unequal"], choices=["equal", "unequal"])
    parser.add_argument("--of", choices=["coverage", "forecast"], default="coverage")
    chosen = parser.parse_args(arguments)
    table = read_study("reference") if chosen.table is None else read_reference(TableFolder(chosen.table))[0]
    rows: list[dict[str, Any]] = []
    for seeds in chosen.seeds:
        for kind in chosen.kinds:
            for spread in chosen.spread:
                population = Population.fit(table, kind, spread == "unequal").only(chosen.settings)
                of = {"n": seeds, "kind": kind, "spread": spread}
                if chosen.of == "forecast":
                    rows += [of | row for row in forecast(population, seeds, chosen.studies).to_dict("records")]
                    continue
                for name in chosen.statistics:
                    shares = coverage(population, STATISTICS[name], seeds, chosen.studies)
                    rows.append({"statistic": name} | of | shares)
                    print(rows[-1], file=sys.stderr)
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()

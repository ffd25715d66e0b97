"""A synthetic score table from a Gaussian copula, whose rank correlations are known: 6/pi asin(rho/2) (Pearson 1907).

It replaces a study in tests of an analysis against a known truth, and in timings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from bench.columns import COLUMNS
from bench.study.learner import swept

SIZES = (10, 100, 1000, 10000)  # training rows of the downstream scores
MODELS = ("beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii")


@dataclass(frozen=True)
class SyntheticScore:
    """One score: its metric, its correlation with the common latent variable, its range, its representation."""

    metric: str
    loading: float
    low: float = 0.0
    high: float = 1.0
    representation: str | None = "mean"


SCORES: Mapping[str, SyntheticScore] = {
    "beta_vae_test": SyntheticScore("beta_vae_score", 0.75, 0.5),
    "factor_vae_test": SyntheticScore("factor_vae_score", 0.8, 0.3, 0.95),
    "mig": SyntheticScore("mig", 0.85, 0, 0.5),
    "dci_disentanglement": SyntheticScore("dci", 0.95, 0.05, 0.7),
    "modularity": SyntheticScore("modularity", -0.1, 0.6),
    "sap": SyntheticScore("sap", 0.6, 0, 0.1),
    **{f"lr_{n}": SyntheticScore("downstream", r, low, low + 0.3)
       for n, r, low in zip(SIZES, (0.2, 0.6, 0.2, 0.0), (0.1, 0.2, 0.3, 0.35), strict=True)},
    **{f"gbt_{n}": SyntheticScore("downstream", 0.85, low, low + 0.4)
       for n, low in zip(SIZES, (0.1, 0.2, 0.4, 0.5), strict=True)},
    "lr_efficiency": SyntheticScore("downstream", 0.5, 0.4, 1),
    "gbt_efficiency": SyntheticScore("downstream", 0.4, 0.3, 0.9),
    "reconstruction": SyntheticScore("elbo", -0.3, 20, 60),
    "kl": SyntheticScore("elbo", 0.2, 5, 25),
    "elbo": SyntheticScore("elbo", 0.2, -70, -30),
    "gaussian_total_correlation": SyntheticScore("unsupervised", 0.1, 0.01, 1.5),
    "mutual_information": SyntheticScore("unsupervised", 0.1, 0.01, 0.3),
}  # fmt: skip
SAMPLED: Mapping[str, SyntheticScore] = {
    "gaussian_total_correlation": SyntheticScore("unsupervised", -0.3, 0.002, 0.1, "sampled"),
    "mutual_information": SyntheticScore("unsupervised", -0.2, 0.002, 0.1, "sampled"),
}


def correlation(scores: Sequence[SyntheticScore]) -> NDArray[np.float64]:
    """Correlations of the Gaussian variables behind the scores: products of loadings."""
    loadings = np.array([s.loading for s in scores])
    return np.outer(loadings, loadings) + np.diag(1 - loadings**2)


def synthetic_table(
    rng: np.random.Generator,
    *,
    datasets: Sequence[str] = ("dsprites",),
    models: Sequence[str] = MODELS,
    strengths: int = 6,
    seeds: int = 10,
    explained: float = 0.0,
    scores: Mapping[str, SyntheticScore] = SCORES,
    sampled: Mapping[str, SyntheticScore] = SAMPLED,
) -> pd.DataFrame:
    """A table with the columns of `bench.table.stored`: every score of every run, drawn from a Gaussian copula.

    Args:
        rng: of the scores.
        datasets: their names.
        models: their names.
        strengths: settings of each model.
        seeds: runs of each setting.
        explained: share of each Gaussian's variance that all seeds of a setting have in common, on all data sets.
        scores: of the mean representation and of the run, by name.
        sampled: of the sampled representation.
    """
    runs = _runs(datasets, models, strengths, seeds)
    all_scores = [*scores.items(), *sampled.items()]
    root = np.linalg.cholesky(correlation([score for _, score in all_scores]))
    setting = pd.factorize(runs["model"] + runs["strength_index"].astype(str))[0]
    of_settings = rng.normal(size=(setting.max() + 1, len(all_scores)))[setting]
    of_runs = rng.normal(size=(len(runs), len(all_scores)))
    latent = (np.sqrt(explained) * of_settings + np.sqrt(1 - explained) * of_runs) @ root.T
    parts = [_rows(runs, name, score, latent[:, k]) for k, (name, score) in enumerate(all_scores)]
    return pd.concat(parts, ignore_index=True).astype(COLUMNS)


def _runs(datasets: Sequence[str], models: Sequence[str], strengths: int, seeds: int) -> pd.DataFrame:
    grid = [range(len(datasets)), range(len(models)), range(strengths), range(seeds)]
    data, model, strength, seed = (a.ravel() for a in np.meshgrid(*grid, indexing="ij"))
    constants = {"schedule": "made up", "version": 1, "num_train": 1, "num_test": 0, "cell": "made up", "seconds": 0.0}
    names = {"dataset": np.array(datasets)[data], "model": np.array(models)[model]}
    names["hyperparameter"] = np.array([swept(m) for m in models], dtype=object)[model]
    frame = pd.DataFrame(names | {"strength_index": strength, "value": strength + 1.0, "seed": seed})
    return frame.assign(run=frame.index.astype(str), **constants)


def _rows(runs: pd.DataFrame, name: str, score: SyntheticScore, latent: NDArray[np.float64]) -> pd.DataFrame:
    numbers = score.low + (score.high - score.low) * ndtr(latent)
    columns = {"name": name, "metric": score.metric, "representation": score.representation, "factor": None}
    return runs.assign(**columns, score=numbers).reindex(columns=list(COLUMNS))

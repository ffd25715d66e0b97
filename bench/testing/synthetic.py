"""A score table made up from a Gaussian copula, whose rank correlations are known: 6/pi asin(rho/2) (Pearson 1907).

It stands in for a study where one wants to know what an analysis makes of a known truth, or how long it takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from bench.columns import COLUMNS
from bench.study.learner import swept

MODELS = ("beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii")


@dataclass(frozen=True)
class Made:
    """One made-up score: its metric, its correlation with what all scores share, its range, its representation."""

    metric: str
    loading: float
    low: float = 0.0
    high: float = 1.0
    representation: str | None = "mean"


SCORES: Mapping[str, Made] = {
    "beta_vae_test": Made("beta_vae_score", 0.75, 0.5),
    "factor_vae_test": Made("factor_vae_score", 0.8, 0.3, 0.95),
    "mig": Made("mig", 0.85, 0, 0.5),
    "dci_disentanglement": Made("dci", 0.95, 0.05, 0.7),
    "modularity": Made("modularity", -0.1, 0.6),
    "sap": Made("sap", 0.6, 0, 0.1),
    **{f"lr_{n}": Made("downstream", r, a, a + 0.3) for n, r, a in zip((10, 100, 1000, 10000), (0.2, 0.6, 0.2, 0.0),
                                                                   (0.1, 0.2, 0.3, 0.35), strict=True)},
    **{f"gbt_{n}": Made("downstream", 0.85, a, a + 0.4) for n, a in zip((10, 100, 1000, 10000), (0.1, 0.2, 0.4, 0.5),
                                                                    strict=True)},
    "lr_efficiency": Made("downstream", 0.5, 0.4, 1),
    "gbt_efficiency": Made("downstream", 0.4, 0.3, 0.9),
    "reconstruction": Made("elbo", -0.3, 20, 60),
    "kl": Made("elbo", 0.2, 5, 25),
    "elbo": Made("elbo", 0.2, -70, -30),
    "gaussian_total_correlation": Made("unsupervised", 0.1, 0.01, 1.5),
    "mutual_information": Made("unsupervised", 0.1, 0.01, 0.3),
}  # fmt: skip
SAMPLED: Mapping[str, Made] = {
    "gaussian_total_correlation": Made("unsupervised", -0.3, 0.002, 0.1, "sampled"),
    "mutual_information": Made("unsupervised", -0.2, 0.002, 0.1, "sampled"),
}


def correlation(scores: Sequence[Made]) -> NDArray[np.float64]:
    """Correlations of the Gaussians behind scores: products of loadings."""
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
    scores: Mapping[str, Made] = SCORES,
    sampled: Mapping[str, Made] = SAMPLED,
) -> pd.DataFrame:
    """A table with the columns of `bench.table.stored`: every score of every run, drawn from a Gaussian copula.

    Args:
        rng: of the scores.
        datasets: their names.
        models: their names.
        strengths: settings of each model.
        seeds: runs of each setting.
        explained: share of each Gaussian's variance that is the same for the seeds of a setting, on all data sets.
        scores: of the mean representation and of the run, by name.
        sampled: of the sampled representation.
    """
    runs = _runs(datasets, models, strengths, seeds)
    made = [*scores.items(), *sampled.items()]
    root = np.linalg.cholesky(correlation([m for _, m in made]))
    setting = pd.factorize(runs["model"] + runs["strength_index"].astype(str))[0]
    shared = rng.normal(size=(setting.max() + 1, len(made)))[setting]
    own = rng.normal(size=(len(runs), len(made)))
    latent = (np.sqrt(explained) * shared + np.sqrt(1 - explained) * own) @ root.T
    parts = [_rows(runs, n, m, latent[:, k]) for k, (n, m) in enumerate(made)]
    return pd.concat(parts, ignore_index=True).astype(COLUMNS)


def _runs(datasets: Sequence[str], models: Sequence[str], strengths: int, seeds: int) -> pd.DataFrame:
    grid = [range(len(datasets)), range(len(models)), range(strengths), range(seeds)]
    data, model, strength, seed = (a.ravel() for a in np.meshgrid(*grid, indexing="ij"))
    fixed = {"schedule": "made up", "version": 1, "num_train": 1, "num_test": 0, "cell": "made up", "seconds": 0.0}
    named = {"dataset": np.array(datasets)[data], "model": np.array(models)[model]}
    named["hyperparameter"] = np.array([swept(m) for m in models], dtype=object)[model]
    frame = pd.DataFrame(named | {"strength_index": strength, "value": strength + 1.0, "seed": seed})
    return frame.assign(run=frame.index.astype(str), **fixed)


def _rows(runs: pd.DataFrame, name: str, made: Made, latent: NDArray[np.float64]) -> pd.DataFrame:
    score = made.low + (made.high - made.low) * ndtr(latent)
    named = {"name": name, "metric": made.metric, "representation": made.representation, "factor": None}
    return runs.assign(**named, score=score).reindex(columns=list(COLUMNS))

"""Which score represents each metric, and the titles of models, data sets and scores.

A model's title is in its `conf/model/NAME.yaml`, a data set's on its card, a score's in its metric's declaration.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import inf

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench import data, registry
from bench.metrics.base import Score
from bench.scoring.runs import declaration
from bench.study.learner import shipped_settings, swept
from bench.study.run import ON, TRAINED_ON, Run
from bench.table.records import FINAL

# the six metrics of the paper, in its order -> the score that represents the metric
PAPER = {
    "beta_vae_score": "beta_vae_test",
    "factor_vae_score": "factor_vae_test",
    "mig": "mig",
    "dci": "dci_disentanglement",
    "modularity": "modularity",
    "sap": "sap",
}
TC, MI = "gaussian_total_correlation", "mutual_information"
TC_SAMPLED = f"{TC}_sampled"
# scores that need no factors
UNSUPERVISED: Mapping[str, Score] = {
    **{name: declaration("elbo").scores[name] for name in ("reconstruction", "kl", "elbo")},
    TC_SAMPLED: Score(0, inf, higher_is_better=False, title="TC (sampled)"),
    **declaration("udr").scores,
    **declaration("model_centrality").scores,
}
OF_TRAINING: Mapping[str, Score] = {  # the end of a run's losses
    name: replace(score, title=f"{score.title} in training")
    for name, score in zip(FINAL, UNSUPERVISED.values(), strict=False)
}


def disentanglement_scores(table: pd.DataFrame) -> list[str]:
    """The headline score of every disentanglement metric in the table: the paper's six first, then the others."""
    present = set(table["metric"].unique())
    others = sorted(present & set(registry.names("metrics")) - registry.faults("metrics").keys() - set(PAPER))
    headlines = [declaration(m).headline for m in others]
    return [PAPER[m] for m in PAPER if m in present] + [h for h in headlines if h is not None]


def downstream_scores(names: Iterable[str]) -> list[str]:
    """Accuracies by predictor and number of labels, then efficiencies."""
    return accuracies(names) + efficiencies(names)


def scores_without_factors(table: pd.DataFrame) -> list[str]:
    """Unsupervised scores that data sets without supervised scores have, such as those without labels."""
    others = {*disentanglement_scores(table), *downstream_scores(table["name"].unique())}
    labelled = set(table.loc[table["name"].isin(others), "dataset"])
    present = set(table.loc[~table["dataset"].isin(labelled), "name"])
    return [name for name in UNSUPERVISED if name in present]


def accuracies(names: Iterable[str]) -> list[str]:
    """Downstream accuracies: logistic regression first, in ascending order of the number of labels."""
    parts = [(m[1], int(m[2]), n) for n in names if (m := re.fullmatch(r"([a-z]+)_(\d+)", n))]
    return [n for *_, n in sorted(parts, key=lambda f: (f[0] != "lr", f[0], f[1]))]


def efficiencies(names: Iterable[str]) -> list[str]:
    """Statistical efficiencies: accuracy at 100 labels over accuracy at the most labels."""
    return sorted((n for n in names if n.endswith("_efficiency")), reverse=True)


def title(name: str) -> str:
    """The title of a score that its metric declares, else its name with spaces.

    Example:
        >>> title("dci_disentanglement"), title("lr_10000"), title("new_score")
        ('DCI disentanglement', 'LR 10,000', 'new score')
    """
    for pattern, score in _declared_scores().items():
        if score.title is not None and (match := _matched(pattern, name)):
            return score.title.replace("*", _number(match[1])) if match.lastindex else score.title
    return name.replace("_", " ")


def declared(name: str) -> Score | None:
    """The declaration of a score, by its name or a pattern; None for one that no metric declares.

    Example:
        >>> declared("r2"), declared("new_score")
        (Score(low=-inf, high=1, higher_is_better=True, title='Linear R²', ranks=()), None)
    """
    return next((s for pattern, s in _declared_scores().items() if _matched(pattern, name)), None)


def in_range(ends: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    """Ends of intervals of scores (..., len(names)), none outside the range that its score is declared to have.

    Example:
        >>> in_range([[-0.02], [0.1]], ["mig"]).T.tolist(), in_range([1.2, -3.0], ["modularity", "r2"]).tolist()
        ([[0.0, 0.1]], [1.0, -3.0])
    """
    return np.clip(np.asarray(ends, dtype=np.float64), *np.transpose([span_of(name) for name in names]))


def span_of(name: str) -> tuple[float, float]:
    """The least and the largest value that a score is declared to have; infinite if no metric declares it."""
    score = declared(name)
    return (-inf, inf) if score is None else (score.low, score.high)


def merit_sign(name: str) -> int:
    """-1 for a score of which lower is better, else 1: the sign with which the highest is the best.

    Example:
        >>> merit_sign("mig"), merit_sign("reconstruction"), merit_sign("new_score")
        (1, -1, 1)
    """
    score = declared(name)
    return -1 if score is not None and score.higher_is_better is False else 1


def directed_title(name: str) -> str:
    """The title of a score that needs no factors, with an arrow in the better direction.

    Example:
        >>> directed_title("reconstruction"), directed_title("elbo")
        ('Reconstruction ↓', 'ELBO ↑')
    """
    return f"{title(name)} {'↑' if UNSUPERVISED[name].higher_is_better else '↓'}"


def apart(table: pd.DataFrame) -> pd.DataFrame:
    """A score table in which the names of models include their sampling, unless they were trained on all images.

    Analyses therefore treat runs of another sampling as another model; `Run.named` is such a name.
    """
    if not any(samplings_in(table)):
        return table
    samplings = {label: str(label).partition(TRAINED_ON)[2] for label in table["schedule"].unique()}
    trained_on = table["schedule"].astype(object).map(samplings)
    names = table["model"].astype(str)
    unchanged = trained_on.eq("") | names.str.contains(ON, regex=False)  # the latter names have it already
    return table.assign(model=names.where(unchanged, names + ON + trained_on).astype(table["model"].dtype.name))


def samplings_in(table: pd.DataFrame) -> set[str]:
    """The samplings that the models of a score table were trained on, in words; "" is all images."""
    return {str(label).partition(TRAINED_ON)[2] for label in table["schedule"].unique()}


def model_title(name: str) -> str:
    """The title of a model: the `title` in its `conf/model/NAME.yaml`, else its name; then its sampling.

    Example:
        >>> model_title("beta_vae"), model_title("a representation of yours"), model_title("beta_vae on 100 images")
        ('β-VAE', 'a representation of yours', 'β-VAE on 100 images')
    """
    model, on, trained_on = name.partition(ON)
    return f"{shipped_settings(model).get('title', model)}{on}{trained_on}"


def setting_title(model: str, hyperparameter: str | None, value: float | None) -> str:
    """The title of a model at one value of the hyper-parameter it sweeps; without a value, of the model.

    Example:
        >>> setting_title("beta_vae", "beta", 4.0), setting_title("mine", None, 0.5), setting_title("pca", None, None)
        ('β-VAE, beta 4', 'mine, value 0.5', 'PCA')
    """
    name = hyperparameter if isinstance(hyperparameter, str) else swept(model) or "value"  # tables may hold NaN
    return model_title(model) if pd.isna(value) else f"{model_title(model)}, {name} {value:g}"


def setting_of(run: Run) -> str:
    """The title of a run's setting, such as "β-VAE, beta 4"."""
    return setting_title(run.named, run.sweeps, run.value)


def hyperparameters(table: pd.DataFrame) -> dict[str, str]:
    """Model -> the name of the hyper-parameter it sweeps, for the models of a table that sweep one."""
    swept_rows = table.dropna(subset="hyperparameter").drop_duplicates("model")
    return dict(zip(swept_rows["model"].astype(str), swept_rows["hyperparameter"].astype(str), strict=True))


def dataset_title(name: str) -> str:
    """The title of a data set on its card, else its name.

    Example:
        >>> dataset_title("shapes3d"), dataset_title("custom")
        ('3D Shapes', 'custom')
    """
    card = data.card_if_here(name)
    return name if card is None else card.title


@cache
def _declared_scores() -> Mapping[str, Score]:
    """Name or pattern -> declaration, of every score; names before patterns."""
    scores = {**UNSUPERVISED, **OF_TRAINING}
    for metric in registry.names("metrics"):
        try:
            scores |= declaration(metric).scores
        except registry.PluginError:
            continue  # scoring reports the fault; scores without a title are called by their names
    return dict(sorted(scores.items(), key=lambda item: "*" in item[0]))


def _matched(pattern: str, name: str) -> re.Match[str] | None:
    return re.fullmatch(re.escape(pattern).replace(r"\*", "(.+)"), name)


def _number(text: str) -> str:
    return f"{int(text):,}" if text.isdigit() else text

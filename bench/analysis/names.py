"""Which scores stand for what in figures, and how they are written there."""

import re
from collections.abc import Iterable

import pandas as pd

from bench import registry

# the six of the paper, in its order, and the score that stands for each
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
# scores that need no factors, and whether higher is better
UNSUPERVISED = {
    "reconstruction": False,
    "kl": False,
    "elbo": True,
    TC_SAMPLED: False,
    "udr_lasso": True,
    "udr_spearman": True,
}
TITLES = {
    "beta_vae_test": "BetaVAE score",
    "factor_vae_test": "FactorVAE score",
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "modularity": "Modularity",
    "sap": "SAP",
    "irs": "IRS",
    "explicitness_test": "Explicitness",
    "reconstruction": "Reconstruction",
    "kl": "KL",
    "elbo": "ELBO",
    TC: "Total correlation",
    TC_SAMPLED: "TC (sampled)",
    MI: "Mutual information",
    "udr_lasso": "UDR (Lasso)",
    "udr_spearman": "UDR (Spearman)",
}


def disentanglement_scores(table: pd.DataFrame) -> list[str]:
    """The headline score of every disentanglement metric in the table: the paper's six first, then the others."""
    present = set(table["metric"].unique())
    others = sorted(present & set(registry.names("metrics")) - registry.faults("metrics").keys() - set(PAPER))
    headlines = [registry.load("metrics", m).metric.headline for m in others]
    return [PAPER[m] for m in PAPER if m in present] + [h for h in headlines if h is not None]


def downstream_scores(names: Iterable[str]) -> list[str]:
    """Accuracies by predictor and number of labels, then efficiencies."""
    return accuracies(names) + efficiencies(names)


def accuracies(names: Iterable[str]) -> list[str]:
    """Downstream accuracies: logistic regression first, by rising number of labels."""
    found = [(m[1], int(m[2]), n) for n in names if (m := re.fullmatch(r"([a-z]+)_(\d+)", n))]
    return [n for *_, n in sorted(found, key=lambda f: (f[0] != "lr", f[0], f[1]))]


def efficiencies(names: Iterable[str]) -> list[str]:
    """Statistical efficiencies: accuracy at 100 labels over accuracy at the most labels."""
    return sorted((n for n in names if n.endswith("_efficiency")), reverse=True)


def title(name: str) -> str:
    """How a score is written in a figure."""
    if match := re.fullmatch(r"([a-z]+)_(\d+)", name):
        return f"{match[1].upper()} {int(match[2]):,}"
    if name.endswith("_efficiency"):
        return f"Efficiency ({name.partition('_')[0].upper()})"
    return TITLES.get(name, name.replace("_", " "))

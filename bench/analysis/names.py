"""Which scores stand for what in figures, and how they are written there."""

import re
from collections.abc import Iterable

import pandas as pd

from bench import registry

# the six of the paper, in its order
PAPER_ORDER = ("beta_vae_score", "factor_vae_score", "mig", "dci", "modularity", "sap")
TITLES = {
    "beta_vae_test": "BetaVAE score",
    "factor_vae_test": "FactorVAE score",
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "modularity": "Modularity",
    "sap": "SAP",
}


def disentanglement_scores(table: pd.DataFrame) -> list[str]:
    """The headline score of every disentanglement metric in the table: the paper's six first, then the others."""
    present = set(table["metric"])
    ordered = [m for m in PAPER_ORDER if m in present] + sorted(present - set(PAPER_ORDER))
    headlines = [registry.load("metrics", m).metric.headline for m in ordered]
    return [h for h in headlines if h is not None]


def downstream_scores(names: Iterable[str]) -> list[str]:
    """Accuracies by predictor and number of labels, then efficiencies."""
    found = [(m[1], int(m[2]), n) for n in names if (m := re.fullmatch(r"([a-z]+)_(\d+)", n))]
    accuracies = [n for *_, n in sorted(found, key=lambda f: (f[0] != "lr", f[0], f[1]))]
    return accuracies + efficiencies(names)


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

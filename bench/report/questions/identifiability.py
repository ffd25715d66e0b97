"""Rotated codes: metrics change, the evidence bound does not; and the sources whose axes ICA can find."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench import registry
from bench.analysis.names import PAPER, dataset_title, setting_of, title
from bench.analysis.representations.identifiability import LinearGaussian, plane_rotation, random_rotation, rotated_elbo
from bench.analysis.representations.rotation import DEGREES, ROWS, scores_under_rotation
from bench.analysis.representations.sources import classes, source_recovery
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import NOTE, PAGE, key_of, looks, new_figure, titled
from bench.scoring.codes import encode
from bench.study.run import Run

Floats = NDArray[np.float64]
DIMS, PIXELS, NOISE = 4, 20, 0.2
BLIND = ("knn_accuracy", "lr_1000")  # scores that a rotation hardly changes, shown for comparison
ICA_STYLE = {"color": "#08519c", "linestyle": "-"}
SOURCE_STYLES: dict[str, dict[str, Any]] = {
    "ceiling": {"color": "0.6", "linestyle": "-."},
    "mig": ICA_STYLE,
    "amari": ICA_STYLE,
}
LEAST = 1e-17  # where a change of exactly 0 is drawn


def draw_identifiability(study: Asked) -> Iterator[NamedDrawing]:
    """A column for an analytic model, one for a trained VAE where the study has one, one for independent sources."""
    columns = {"Linear Gaussian model": analytic()}
    for run in [r for r in study.trained() if _is_vae(r)][:1]:
        columns[f"{setting_of(run)}, {dataset_title(run.dataset)}"] = trained(study, run)
    sources = source_recovery()
    figure = new_figure(PAGE, 3.9)
    axes = figure.subplots(2, len(columns) + 1, height_ratios=[1.8, 1], squeeze=False)
    styles = _looks(pd.concat(columns.values()))
    for (upper, lower), (heading, rows) in zip(axes.T, columns.items(), strict=False):
        _scores(upper, rows, styles)
        upper.set_title(heading)
        _bound(lower, rows)
    for ax in axes[0, 1 : len(columns)]:
        ax.set_ylabel("")
    _sources(axes[0, -1], axes[1, -1], sources)
    handles = [key_of(look) for look in (*styles.values(), SOURCE_STYLES["ceiling"], ICA_STYLE)]
    keys = handles, [*(title(n) for n in styles), "the sources", "recovered by ICA"]
    titled(
        figure, "A rotated code has the same bound and other scores; sources that are not Gaussian have axes",
        f"{ROWS:,} rows; sources: {sources['seed'].nunique()} seeds",
        study.plan.schedules if len(columns) > 1 else "nothing is trained",
        "Left: scores, of small samples, and the evidence lower bound against rotation; LR and k-NN, logistic "
        "regression and neighbours, read the code as a whole. Right: MIG of independent sources and of those that ICA "
        "recovers, and its distance from a permutation of them, against the shape of their density; lines: medians.",
        keys,
    )  # fmt: skip
    numbers = pd.concat([*(rows.assign(panel=k) for k, rows in columns.items()), sources.assign(panel="sources")])
    yield "identifiability", figure, numbers


def analytic() -> pd.DataFrame:
    """Scores and bound of a linear Gaussian model whose factors are its latent variables, cut into classes."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(ROWS, DIMS))
    model = LinearGaussian.fitted(2 * random_rotation(PIXELS, rng)[:, :DIMS], NOISE)
    x = z @ model.decoder.T + NOISE * rng.normal(size=(ROWS, PIXELS))
    bounds = _changes(DIMS, lambda turn: model.rotated(turn).elbo(x))
    return pd.concat([scores_under_rotation(model.encode(x), classes(z), registry.names("metrics")), bounds])


def trained(study: Asked, run: Run) -> pd.DataFrame:
    """The same for a trained VAE; dimensions are sorted by KL, so that active ones are rotated with each other."""
    data, learner = study.data(run), study.learner(run)
    index = np.random.default_rng(run.seed).choice(len(data), min(ROWS, len(data)), replace=False)
    codes = encode(learner, data, index, device="cpu")
    mean, logvar = codes.mean, codes.logvar
    assert logvar is not None
    kl = (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0)
    order = np.eye(len(kl))[np.argsort(-kl)]
    few_index = index[:256]
    images = data.images(few_index)

    def bound(turn: Floats) -> Floats:
        return rotated_elbo(images, mean[:256], logvar[:256], learner.decode, turn @ order, np.random.default_rng(0))

    scores = scores_under_rotation(mean @ order.T, data.factors(index), registry.names("metrics"))
    return pd.concat([scores, _changes(len(kl), bound)])


def _changes(dims: int, bound: Callable[[Floats], Floats]) -> pd.DataFrame:
    """The largest change of a row's bound, divided by the mean absolute bound, for each angle."""
    unrotated = bound(np.eye(dims))
    changes = [np.abs(bound(plane_rotation(dims, d)) - unrotated).max() / np.abs(unrotated).mean() for d in DEGREES]
    return pd.DataFrame({"degrees": DEGREES, "name": "elbo_change", "score": changes})


def _is_vae(run: Run) -> bool:
    from bench.models.parts.vae import GaussianVAE

    return issubclass(registry.load("models", run.model), GaussianVAE)


def _looks(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    names = [name for name in PAPER.values() if name in set(rows["name"])]  # the csv has those of every metric
    grey = {n: {"color": "0.45", "linestyle": s} for n, s in zip(BLIND, ("--", ":"), strict=True)}
    return looks(names) | {n: look for n, look in grey.items() if n in set(rows["name"])}


def _scores(ax: Axes, rows: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    for name, look in styles.items():
        line = rows[rows["name"] == name]
        ax.plot(line["degrees"], line["score"], **look)
    ax.set(ylim=(-0.03, 1.03), ylabel="score", xticks=range(0, 46, 15))
    ax.grid(axis="y", color="0.9", linewidth=0.6)


def _bound(ax: Axes, rows: pd.DataFrame) -> None:
    line = rows[rows["name"] == "elbo_change"]
    ax.plot(line["degrees"], line["score"].clip(lower=LEAST), color="black", marker="o")
    ax.set(yscale="log", ylim=(LEAST / 10, 1), xlabel="rotation (degrees)", xticks=range(0, 46, 15))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_ylabel("largest relative\nchange of the ELBO")
    for kind, word in ((np.float32, "single"), (np.float64, "double")):
        eps = float(np.finfo(kind).eps)
        ax.axhline(eps, color="0.6", linewidth=0.8, linestyle="--")
        ax.text(45, eps / 2, f"{word} precision", fontsize=NOTE, color="0.4", ha="right", va="top")


def _sources(upper: Axes, lower: Axes, sources: pd.DataFrame) -> None:
    """MIG above, distance from a permutation below, against the shape of the sources' density."""
    for ax, names in ((upper, ("ceiling", "mig")), (lower, ("amari",))):
        for name in names:
            ax.scatter(sources["shape"], sources[name], s=5, color=SOURCE_STYLES[name]["color"], alpha=0.5, linewidth=0)
            median = sources.groupby("shape")[name].median()
            ax.plot(median.index, median, **SOURCE_STYLES[name])
        ax.axvline(2, color="0.6", linewidth=0.8, linestyle="--")
        ax.set_xscale("log")
        ax.set_xticks([1, 2, 4, 8], ["1\nLaplace", "2\nGauss", "4", "8"])
        ax.minorticks_off()
    upper.set(ylim=(-0.03, 1.03), ylabel="MIG", xticklabels=[])
    upper.set_title("Independent sources, mixed")
    lower.set(ylim=(-0.02, 0.62), xlabel="shape of their density", ylabel="distance from\na permutation")

"""One model, many numbers: the same codes under every convention that public code has of six metrics."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import setting_of, title
from bench.analysis.representations.conventions import Split, scores_by_convention
from bench.conventions import CONVENTIONS
from bench.conventions.convention import OURS
from bench.data import load_data
from bench.models.pca import PCA
from bench.report.figures.panels import Looks
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import PAGE, key_of, looks, new_figure, titled
from bench.scoring.codes import encode
from bench.training.catalogue import catalogue, find, load_model

METRICS = ("mig", "modularity", "sap", "dci", "factor_vae_score", "explicitness")
TRAIN, TEST = 10_000, 5_000
IMAGES = 5_000  # that PCA is fitted to
DIMS = 10
NOISE = 0.3
SHIPPED = ("beta_vae", 5)  # model and strength: most regularised, so that some dimensions are dead
SEED = 2019
ROW = 0.165  # inches
EXPLANATION = (
    "Every convention reads the same rows. Lines: the value of this suite. A convention is named as its repository, "
    "with a variant after a point; docs/conventions.md and the csv say what each does otherwise, and how far that "
    "moves the score."
)


def draw_conventions(study: Asked) -> Iterator[NamedDrawing]:
    """A panel a metric, a row a convention, a mark for each of three codes of dSprites; no study is read."""
    shown_conventions = [c for c in CONVENTIONS if c.metric in METRICS]
    scores = scores_by_convention(dsprites_codes(), conventions=shown_conventions)
    shown = scores[scores["name"].notna()].drop_duplicates(["codes", "metric", "convention"])
    metrics = list(dict.fromkeys(shown["metric"]))
    styles = looks(dict.fromkeys(shown["codes"]))
    pairs = [metrics[i : i + 2] for i in range(0, len(metrics), 2)]
    heights = [max(shown.loc[shown["metric"] == m, "convention"].nunique() for m in pair) + 3 for pair in pairs]
    figure = new_figure(PAGE, ROW * sum(heights))
    axes = figure.subplots(len(pairs), 2, height_ratios=heights, squeeze=False)
    for ax in axes.flat[len(metrics) :]:
        ax.set_axis_off()
    for ax, metric in zip(axes.flat, metrics, strict=False):
        _panel(ax, shown[shown["metric"] == metric], styles)
    keys = [key_of(style, line=False) for style in styles.values()], list(styles)
    heading = "The same codes score differently in each repository"
    titled(figure, heading, f"{TRAIN:,} training and {TEST:,} test rows", "nothing is trained", EXPLANATION, keys)
    yield "conventions", figure, scores


def dsprites_codes() -> dict[str, Split]:
    """Noisy factors, a shipped model that was trained at full length, and principal components, of the same images."""
    data = load_data("dsprites")
    index = np.random.default_rng(SEED).choice(len(data), TRAIN + TEST, replace=False)
    factors = data.factors(index)
    noise = np.random.default_rng(SEED).normal(0, NOISE, factors.shape)
    model, strength = SHIPPED
    run = find(catalogue(), model, "dsprites", strength, seed=0).as_run()
    components = PCA(data.card.image_shape, latent_dim=DIMS, num_images=IMAGES)
    components.fit(data, SEED)
    codes = {
        "factors and noise": (factors - factors.mean(axis=0)) / factors.std(axis=0) + noise,
        setting_of(run): encode(load_model(model, strength=strength), data, index, device="cpu").mean,
        "PCA": encode(components, data, index).mean,
    }
    return {name: (c[:TRAIN], factors[:TRAIN], c[TRAIN:], factors[TRAIN:]) for name, c in codes.items()}


def _panel(ax: Axes, scores: pd.DataFrame, styles: Looks) -> None:
    names = list(dict.fromkeys(scores["convention"]))
    for codes, part in scores.groupby("codes", sort=False):
        style = styles[str(codes)]
        places = [names.index(name) for name in part["convention"]]
        ax.plot(part["score"], places, **{**style, "linestyle": ""}, alpha=0.85, clip_on=False)
        for suite_score in part.loc[part["convention"] == OURS, "score"]:
            ax.axvline(suite_score, color=style["color"], linewidth=0.7, alpha=0.6, zorder=0)
    ax.set_yticks(range(len(names)), ["this suite" if name == OURS else name for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_title(title(scores["name"].iloc[0]))

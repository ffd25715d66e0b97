"""Generative models side by side (Higgins et al. 2017, figure 1): what each dimension draws, with scores."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.analysis.names import PAPER, dataset_title, setting_of, setting_title, span_of, title
from bench.analysis.published.numbers import Item, items
from bench.analysis.representations.traversals import traversals
from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.analysis.statistics.centres import centres
from bench.report.figures.panels import broken, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import PAGE, TICK, new_figure, titled
from bench.scoring.codes import encode
from bench.study.run import Run

ROWS, STATIONS, DIMS = 5_000, 9, 6  # images encoded; pictures of a walk; walks shown of a model
MOST = 8  # settings side by side
CELL = 0.27  # inches of a picture
OURS, PRINTED = "#0173b2", "0.45"
BESIDE = "infogan_cr_table1"
Setting = tuple[str, float | None]


def draw_generative_models(study: Asked) -> Iterator[NamedDrawing]:
    """For each data set a panel of traversals for each setting, and scores beside printed ones, if there are any."""
    settings: dict[str, dict[Setting, list[Run]]] = {}
    for run in study.trained():
        if not run.fitted:
            settings.setdefault(run.dataset, {}).setdefault((run.model, run.value), []).append(run)
    if not settings:
        raise TooFewRunsError(f"study {study.plan.name!r} has no trained model that decodes: {study.to_train}")
    scores = wide(study.table)
    (item,) = (i for i in items() if i.name == BESIDE)
    for dataset, runs in settings.items():
        yield _walks(study, dataset, dict(list(runs.items())[:MOST]), scores)
        medians = _medians(scores, dataset, runs, item)
        if dataset in item.values and len(medians):
            yield _beside_printed(study, dataset, medians, item)


def _walks(study: Asked, dataset: str, settings: Mapping[Setting, list[Run]], scores: pd.DataFrame) -> NamedDrawing:
    """A panel for each setting: its median run by MIG, an image, its reconstruction, and walks from there."""
    across = min(2, len(settings))
    down = -(-len(settings) // across)
    figure = new_figure(PAGE, down * ((DIMS + 1) * CELL + 0.55))
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax in axes[len(settings) :]:
        ax.set_axis_off()
    numbers = []
    for ax, runs in zip(axes, settings.values(), strict=False):
        run = _middle(runs, scores)
        data, learner = study.data(run), study.learner(run)
        index = np.random.default_rng(0).choice(len(data), min(ROWS, len(data)), replace=False)
        codes = encode(learner, data, index, device="cpu").mean
        pictures, dimensions = traversals(codes, data.factors(index), data.card.factor_names, learner.decode, STATIONS)
        first = np.concatenate([data.images(index[:1]), learner.decode(codes[:1])])
        _panel(ax, first, pictures[:DIMS], dimensions)
        ax.set_title(f"{setting_of(run)}, seed {run.seed}")
        ax.set_xlabel(_median_scores(scores, runs))
        labels_of_run = {"dataset": dataset, "model": run.model, "value": run.value, "seed": run.seed, "run": run.id}
        numbers.append(dimensions.assign(**labels_of_run))
    heading = f"{dataset_title(dataset)}: what each dimension of a code draws"
    note = (
        f"Each model's run in the middle of its seeds by MIG. First row: an image, and how the model decodes its code. "
        f"Below: walks from there along the {DIMS} dimensions that change the picture most, through the middle 98 % of "
        "the values that images have there; beside each the factor that it has most information about, and which "
        "share of its entropy. Scores: medians over seeds."
    )
    sentences = {
        ("beta_vae", 1.0): " Beta 1 is the VAE.",
        ("dc_ign", None): " DC-IGN is trained with the varying factor known.",
    }
    note += "".join(sentence for setting, sentence in sentences.items() if setting in settings)
    seeds = [len(runs) for runs in settings.values()]
    titled(figure, heading, standing(sum(seeds), min(seeds)), study.plan.schedules, note)
    return f"generative_models_{dataset}", figure, pd.concat(numbers, ignore_index=True)


def _middle(runs: list[Run], scores: pd.DataFrame) -> Run:
    """The median run by MIG; the first run if none has a MIG."""
    mig = scores["mig"].dropna().droplevel(["dataset", "model", "value", "seed"]) if "mig" in scores else {}
    scored = sorted((r for r in runs if r.id in mig), key=lambda r: (mig[r.id], r.seed))
    return scored[(len(scored) - 1) // 2] if scored else runs[0]


def _panel(ax: Axes, first: NDArray[np.float32], walks: NDArray[np.float32], dimensions: pd.DataFrame) -> None:
    _, stations, height, width, channels = walks.shape
    canvas = np.ones((len(walks) + 1, height + 1, stations, width + 1, channels), np.float32)
    canvas[0, :height, : len(first), :width] = first.transpose(1, 0, 2, 3)
    canvas[1:, :height, :, :width] = walks.transpose(0, 2, 1, 3, 4)
    shown = canvas.reshape((len(walks) + 1) * (height + 1), stations * (width + 1), channels)
    ax.imshow(shown.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    labels = [f"z{r.dim}  {r.factor} {r.information:.2f}" for r in dimensions[: len(walks)].itertuples()]
    places = (np.arange(len(walks) + 1) + 0.5) * (height + 1)
    ax.set_yticks(places, ["image, decoded", *labels])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _median_scores(scores: pd.DataFrame, runs: list[Run]) -> str:
    """Medians of the paper's scores over runs, in two lines."""
    of_runs = scores[scores.index.get_level_values("run").isin([r.id for r in runs])]
    texts = [
        f"{title(n)} {of_runs[n].median():.2f}" for n in PAPER.values() if n in of_runs and of_runs[n].notna().any()
    ]
    half = -(-len(texts) // 2)
    return "\n".join(", ".join(part) for part in (texts[:half], texts[half:]) if part)


def _medians(scores: pd.DataFrame, dataset: str, settings: Mapping[Setting, list[Run]], item: Item) -> pd.DataFrame:
    """Our scores: a row for each setting and printed score, with the median over seeds and its 95 % interval."""
    of_dataset = scores[scores.index.get_level_values("dataset") == dataset]
    rows = []
    for name in (n for n in item.columns if n in of_dataset and of_dataset[n].notna().any()):
        values = [
            of_dataset[name][of_dataset.index.get_level_values("run").isin([r.id for r in runs])]
            for runs in settings.values()
        ]
        medians = centres([v.to_numpy() for v in values], span_of(name))
        labels = [setting_title(runs[0].model, runs[0].sweeps, runs[0].value) for runs in settings.values()]
        rows.append(medians.assign(row=labels, name=name, source="ours"))
    if not rows:
        return pd.DataFrame()
    columns = ["source", "row", "name", "median", "low", "high", "seeds"]
    return pd.concat(rows, ignore_index=True)[columns].rename(columns={"median": "score"}).dropna(subset="score")


def _beside_printed(study: Asked, dataset: str, ours: pd.DataFrame, item: Item) -> NamedDrawing:
    """A panel for each score: our settings above, printed rows below, in the order of print."""
    errors = item.standard_errors[dataset]
    printed = pd.DataFrame(
        {"source": item.source["title"], "row": row, "name": name, "score": item.values[dataset][i][j],
         "standard_error": errors[i][j]}
        for i, row in enumerate(item.rows) for j, name in enumerate(item.columns)
    ).dropna(subset="score")  # fmt: skip
    printed = printed[printed["name"].isin(ours["name"])]
    names = list(dict.fromkeys(ours["name"]))
    upper, lower = list(dict.fromkeys(ours["row"])), [r for r in item.rows if r in set(printed["row"])]
    figure = new_figure(PAGE, 0.125 * (len(upper) + len(lower) + 1) + 0.5)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        our_rows, printed_rows = (rows[rows["name"] == name] for rows in (ours, printed))
        places = [upper.index(r) for r in our_rows["row"]]
        ax.hlines(places, our_rows["low"], our_rows["high"], color=OURS, linewidth=1.2)
        ax.scatter(our_rows["score"], places, s=11, color=OURS, zorder=2)
        places = [len(upper) + 1 + lower.index(r) for r in printed_rows["row"]]
        error = printed_rows["standard_error"].fillna(0)
        ax.hlines(
            places,
            printed_rows["score"] - error,
            printed_rows["score"] + error,
            color=PRINTED,
            linewidth=1,
        )
        ax.scatter(printed_rows["score"], places, s=9, color=PRINTED, marker="s", zorder=2)
        ax.axhline(len(upper), color="0.6", linewidth=0.8, linestyle="--")
        ax.set(xlim=(-0.04, 1.04), ylim=(len(upper) + len(lower) + 0.5, -0.5), xticks=[0, 0.5, 1])
        ax.set_xticklabels(["0", ".5", "1"])
        ax.set_title(broken(title(name)))
        ax.grid(axis="x", color="0.92", linewidth=0.6)
    rows = [*upper, "", *(f"{r} (printed)" for r in lower)]
    axes[0].set_yticks(range(len(rows)), rows, fontsize=TICK)
    heading = f"{dataset_title(dataset)}: scores here, and those printed under another protocol, which are not ranked"
    note = (
        "Circles: medians over seeds of our runs, with 95 % intervals from five seeds on. Squares: "
        f"{item.source['title']} ({item.source['venue']}), {item.where}; {item.exactness}, with standard errors, cut "
        "off where they leave the panel. They come of other networks, schedules and code of the metrics: the two parts "
        "are not to be ranked together."
    )
    seeds = int(ours["seeds"].min())
    titled(figure, heading, standing(len(upper), seeds, "settings"), study.plan.schedules, note)
    return f"generative_models_{dataset}_printed", figure, pd.concat([ours, printed], ignore_index=True)

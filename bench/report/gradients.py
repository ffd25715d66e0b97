"""Reparametrisation against the score function: variances of the gradient estimators, and training curves."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.analysis.names import dataset_title
from bench.pool import Pool
from bench.progress import say_once
from bench.report.drawings import Drawing, Outcome, code, draw_changed, trained
from bench.report.style import PAGE, Picture, colours, new_figure, save, titled
from bench.store.files import digest, read_whole
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.run import Run

DRAWS = 100
BOTH = {"beta_vae", "score_function_vae"}
ESTIMATORS = {
    ("beta_vae", 1.0): "reparametrised",
    ("score_function_vae", 1.0): "score function, baseline",
    ("score_function_vae", 0.0): "score function",
}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LINES = ("-", "--", ":")
PLACES = {"at the start": ("o", False, -0.12), "when trained": ("s", True, 0.12)}  # marker, filled, shift


def draw_gradients(plan: Plan, store: Store, pool: Pool) -> Iterator[Outcome]:
    """A picture for each data set on which a study trained VAEs (beta 1) with both estimators."""
    folder, command = store.study(plan.name), f"python -m bench report study={plan.name}"
    drawings = []
    for dataset in dict.fromkeys(r.dataset for r in plan.runs):
        runs = [r for r in plan.runs if r.dataset == dataset and (r.named, r.value) in ESTIMATORS]
        done = [r for r in runs if store.run(r.id).state() == "done"]
        if {r.model for r in done} == BOTH:
            name = f"gradient_variance_{dataset}"
            made_from = [code("data", "models", "report", "training"), plan.schedules, command, DRAWS]
            key = digest([*made_from, *(trained(r, store.run(r.id)) for r in done)])
            stem = folder / "figures" / name
            drawings.append(Drawing(name, key, (done, store, dataset, plan.schedules, stem, command)))
    return draw_changed("gradients", drawings, _draw, folder, pool)


def _draw(runs: list[Run], store: Store, dataset: str, schedules: str, stem: Path, command: str) -> list[Path]:
    curves, variances = loss_curves(runs, store), gradient_variances(runs, store)
    figure = gradient_page(curves, variances, dataset, schedules)
    return save(figure, pd.concat([curves, variances], ignore_index=True), stem, command)


def loss_curves(runs: list[Run], store: Store) -> pd.DataFrame:
    """A row for each recorded loss: estimator, seed, step, loss in nats."""
    parts = [part for run in runs if (part := _losses(run, store)) is not None]
    return pd.concat(parts or [pd.DataFrame(columns=["step", "loss", *_named(runs[0])])], ignore_index=True)


def _losses(run: Run, store: Store) -> pd.DataFrame | None:
    """The losses of one run; None if they cannot be read, which is reported."""
    path = store.run(run.id).losses
    try:
        losses = pd.read_csv(io.BytesIO(read_whole(path)))[["step", "loss"]]
        return losses.astype({"step": int, "loss": float}).assign(**_named(run))
    except (OSError, ValueError, KeyError) as fault:
        say_once(f"{run}: cannot read {path}: {fault}")
        return None


def gradient_variances(runs: list[Run], store: Store) -> pd.DataFrame:
    """A row for each estimator, seed and weights: variance and squared mean of the gradient, summed over it.

    All estimators are measured at the same weights: the initial ones, and those at the end of reparametrised training.
    """
    from bench.training.gradients import encoder_gradients
    from bench.training.train import load_learner, new_learner

    final_weights = {r.seed: load_learner(r, store.run(r.id)).state() for r in runs if r.model == "beta_vae"}
    rows = []
    for run in runs:
        weights_of = {"at the start": new_learner([run]).state()}
        if run.seed in final_weights:
            weights_of["when trained"] = final_weights[run.seed]
        for moment, weights in weights_of.items():
            g = encoder_gradients(run, weights, DRAWS)
            moments = {"variance": g.var(dim=0).sum().item(), "squared_mean": g.mean(dim=0).square().sum().item()}
            rows.append(_named(run) | {"weights": moment} | moments)
    return pd.DataFrame(rows)


def _named(run: Run) -> dict[str, object]:
    assert run.value is not None
    return {"estimator": ESTIMATORS[run.model, run.value], "seed": run.seed}


def gradient_page(curves: pd.DataFrame, variances: pd.DataFrame, dataset: str, schedules: str) -> Picture:
    """Training curves on the left, gradient variances on the right."""
    names = [n for n in ESTIMATORS.values() if n in set(curves["estimator"])]
    palette = colours(names)
    figure = new_figure(PAGE, 2.2)
    left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
    for name, line in zip(names, LINES, strict=False):
        of_estimator = curves[curves["estimator"] == name]
        for _, curve in of_estimator.groupby("seed"):
            left.plot(curve["step"], curve["loss"], color=palette[name], lw=0.6, alpha=0.35)
        mean = of_estimator.groupby("step")["loss"].mean()
        left.plot(mean.index, mean, line, color=palette[name], lw=1.6, label=name)
    left.set(xlabel="update", ylabel="loss (negative ELBO, nats)", yscale="log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter(NullFormatter())
    _variances(right, variances, names)
    seeds = curves["seed"].nunique()
    note = (
        "Left: thick lines are means over seeds. Right: the variance over weights of "
        f"{DRAWS} draws of the encoder's gradient on one batch."
    )
    lines, marks = left.get_legend_handles_labels(), right.get_legend_handles_labels()
    keys = [*lines[0], *marks[0]], [*lines[1], *marks[1]]
    heading = f"{dataset_title(dataset)}: estimators of the gradient of the ELBO"
    titled(figure, heading, f"{seeds} seeds", schedules, note, keys)
    return figure


def _variances(ax: Axes, variances: pd.DataFrame, names: list[str]) -> None:
    palette = colours(names)
    for place, (marker, filled, shift) in PLACES.items():
        part = variances[variances["weights"] == place].groupby("estimator")["variance"]
        for height, name in enumerate(names):
            x = part.get_group(name)
            inside = [palette[name]] if filled else "none"
            y = [height + shift] * len(x)
            ax.scatter(x, y, s=12, marker=marker, facecolors=inside, edgecolors=[palette[name]])
        ax.scatter([], [], s=12, marker=marker, facecolors="0.4" if filled else "none", edgecolors="0.4", label=place)
    ax.set(xscale="log", xlabel="variance of the gradient, nats²", ylim=(len(names) - 0.4, -0.6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "10" + f"{np.log10(x):.0f}".translate(RAISED)))
    ax.set_yticks(range(len(names)), [n.replace(", ", ",\n") for n in names])

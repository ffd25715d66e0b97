"""A noisy-OR network learned from its effects, the true network, and the error against the number of rows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from bench.analysis.representations.noisy_or import NoisyOr, aligned, learn, recovery_error
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import PAGE, TICK, new_figure, titled

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
SEEDS = 5
CAUSES, EFFECTS = 3, 9
COLOUR = "#08519c"


def true_network() -> NoisyOr:
    """Three causes of nine effects: each of five effects strongly, some of them shared, none of the others."""
    rng = np.random.default_rng(5)
    strength = np.zeros((CAUSES, EFFECTS))
    for k in range(CAUSES):
        strength[k, (3 * k + np.arange(5)) % EFFECTS] = rng.uniform(0.5, 0.95, 5)
    return NoisyOr(np.array([0.2, 0.3, 0.4]), strength, np.full(EFFECTS, 0.05))


def draw_noisy_or(study: Asked) -> Iterator[NamedDrawing]:
    """Two matrices and a curve; nothing of the study is read."""
    truth = true_network()
    rows, last = [], truth
    for seed in range(SEEDS):
        for size in SIZES:
            rng = np.random.default_rng([seed, size])
            last = learn(truth.sample(size, rng)[1], CAUSES, rng)
            rows.append({"rows": size, "seed": seed, "error": recovery_error(last, truth)})
    figure = new_figure(PAGE, 2.3)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    _strengths(left, truth.strength, "true strengths")
    _strengths(middle, aligned(last, truth).strength, f"learned from {SIZES[-1]:,} rows")
    errors = pd.DataFrame(rows)
    _errors(right, errors)
    note = (
        "Exact expectation maximisation, the best of 4 starts. Numbers: strength x 100. Lines: the median over seeds, "
        "and the inverse of the square root of the rows (dashed)."
    )
    heading = "A noisy-OR network is recovered, up to the order of its causes"
    keys = right.get_legend_handles_labels()
    titled(figure, heading, f"{SEEDS} seeds", "nothing is trained", note, keys)
    yield "noisy_or", figure, errors


def _strengths(ax: Axes, strength: NDArray[np.float64], heading: str) -> None:
    ax.imshow(strength.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (k, j), p in np.ndenumerate(strength):
        ax.text(k, j, f"{100 * p:.0f}", ha="center", va="center", fontsize=TICK, color="white" if p > 0.6 else "black")
    ax.set_xticks(range(len(strength)), [f"d{_lowered(k + 1)}" for k in range(len(strength))])
    ax.set_yticks(range(strength.shape[1]), [f"x{_lowered(j + 1)}" for j in range(strength.shape[1])])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="cause", ylabel="effect")
    ax.set_title(heading)


def _lowered(number: int) -> str:
    return "".join(chr(ord("\N{SUBSCRIPT ZERO}") + int(digit)) for digit in str(number))


def _errors(ax: Axes, errors: pd.DataFrame) -> None:
    ax.scatter(errors["rows"], errors["error"], s=9, color=COLOUR, alpha=0.5, linewidth=0, label="a seed")
    median = errors.groupby("rows")["error"].median()
    ax.plot(median.index, median, color=COLOUR, label="median")
    ideal = median.iloc[-1] * np.sqrt(median.index[-1] / median.index.to_numpy())
    ax.plot(median.index, ideal, color="0.5", linestyle="--", linewidth=1, label="1/√N")
    ax.set(xscale="log", yscale="log", xlabel="rows N")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title("error of the parameters (RMS)")

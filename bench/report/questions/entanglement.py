"""Do factors that are correlated in training lie in the same dimensions? (Träuble et al. 2021)"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import dataset_title, setting_title
from bench.analysis.representations.entanglement import entanglement
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.statistics.intervals import MIN_SEEDS, t_ends
from bench.data.sampling import ALL
from bench.data.sampling.correlated import Correlated
from bench.metrics.base import Floats
from bench.report.figures.panels import panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import Picture, titled
from bench.scoring import codes as coding
from bench.study.run import Run

SETTING = ["model", "hyperparameter", "value"]
MOST = 10_000  # images whose codes are compared
COLOURS = {"correlated": "#d55e00", "all images": "#0072b2"}
WORDS = {"correlated": "trained on correlated factors", "all images": "trained on all images"}
NOTE = (
    "Overlap of two factors: the sum over active dimensions of the lesser of both shares of mutual information, 0 to "
    f"1, of mean codes of {MOST:,} images of the whole grid, whatever was trained on. Where a code tells little of a "
    "factor it may be near 1 as well. Marks: mean over seeds; lines: 95% interval, none below five seeds."
)


def draw_entanglement(study: Asked) -> Iterator[NamedDrawing]:
    """A picture for each data set, with a panel for each sampling and a row for each setting beside its twin.

    Raises:
        TooFewRunsError: no run is trained on correlated factors, or none has a twin trained on all images.
    """
    runs = [run for run in study.trained() if isinstance(run.sampling, Correlated)]
    twins = {_twin(run): run for run in study.trained() if run.sampling == ALL}
    runs = [run for run in runs if _twin(run) in twins]
    if not runs:
        raise TooFewRunsError(
            "trained runs on correlated factors are needed, and their twins on all images: "
            f"{study.store.command('run study=correlated')} trains them"
        )
    overlaps: dict[str, Floats] = {}
    rows = []
    for run in runs:
        assert isinstance(run.sampling, Correlated)
        for kind, compared in (("correlated", run), ("all images", twins[_twin(run)])):
            overlap = overlaps.setdefault(compared.id, _shared(study, compared))
            places = [[study.data(run).card.factor_names.index(name) for name in pair] for pair in run.sampling.pairs]
            rows.append({"dataset": run.dataset, "sampling": run.sampling.label, "trained_on": kind, "run": compared.id,
                         "model": run.model, "hyperparameter": run.sweeps, "value": run.value, "seed": run.seed,
                         "shared": float(np.mean([overlap[i, j] for i, j in places]))})  # fmt: skip
    numbers = pd.DataFrame(rows)
    for dataset, part in numbers.groupby("dataset", sort=False):
        yield f"entanglement_{dataset}", _figure(part, str(dataset), study.plan.schedules), part


def _twin(run: Run) -> tuple[object, ...]:
    """The properties that a run shares with its twin, which is trained on other images."""
    return run.model, run.hyper, run.pairs, run.seed, run.dataset, run.schedule


def _shared(study: Asked, run: Run) -> Floats:
    data = study.data(run)
    index = coding.pool(data, study.plan.protocol.pool)
    rows = coding.places(data, len(index), MOST)
    stored = coding.load(study.store.run(run.id), index, rows)
    codes = coding.encode(study.learner(run), data, index[rows]) if stored is None else stored
    return entanglement(codes.mean, data.factors(index[rows]))


def _figure(numbers: pd.DataFrame, dataset: str, schedules: str) -> Picture:
    settings = [setting_title(*setting) for setting, _ in numbers.groupby(SETTING, dropna=False)]
    panels: Mapping[str, pd.DataFrame] = dict(list(numbers.groupby("sampling", sort=False)))
    figure, axes, _ = panel_grid(len(panels), 0.22 * len(settings) + 0.5, sharey=True)
    for ax, (label, part) in zip(axes, panels.items(), strict=True):
        _marks(ax, part, settings)
        ax.set_title(label)
        ax.set_xlabel("shared by the factors")
    seeds = int(numbers.groupby(["sampling", "trained_on", "model", "value"], dropna=False).size().min())
    heading = f"{dataset_title(dataset)}: do correlated factors lie in the same dimensions?"
    keys = axes[0].get_legend_handles_labels()
    titled(figure, heading, standing(numbers["run"].nunique(), seeds), schedules, NOTE, keys)
    return figure


def _marks(ax: Axes, numbers: pd.DataFrame, settings: list[str]) -> None:
    overlaps = list(numbers.groupby(SETTING, dropna=False))
    for offset, (kind, colour) in zip((-0.13, 0.13), COLOURS.items(), strict=True):
        means, lows, highs = zip(
            *(_mean(setting_runs[setting_runs["trained_on"] == kind]["shared"]) for _, setting_runs in overlaps),
            strict=True,
        )
        places = np.array([settings.index(setting_title(*setting)) for setting, _ in overlaps]) + offset
        ax.hlines(places, lows, highs, color=colour, linewidth=0.9)
        marker = "o" if kind == "correlated" else "s"
        ax.scatter(means, places, s=12, color=colour, zorder=2, label=WORDS[kind], marker=marker, clip_on=False)
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.grid(axis="x", color="0.92", linewidth=0.6)


def _mean(values: "pd.Series[float]") -> tuple[float, float, float]:
    """The mean over seeds and its 95 % t interval, NaN for fewer than `MIN_SEEDS` seeds."""
    known = values.dropna()
    if len(known) < MIN_SEEDS:
        return float(known.mean()), np.nan, np.nan
    low, high = t_ends(known.mean(), known.std(ddof=1) / np.sqrt(len(known)), len(known) - 1)
    return float(known.mean()), max(float(low), 0.0), min(float(high), 1.0)

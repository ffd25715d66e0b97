"""The dependence of scores and their rank correlations on choices of the evaluation and on the training seed."""

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import PAPER, dataset_title, title
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.sensitivity import SEED, SETTING, correlation_shares, score_shares
from bench.pool import Pool
from bench.report.figures.panels import panel_grid, sizes_of
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import Picture, titled
from bench.scoring.sensitivity import choices, evaluate_again, scores_again

COLOURS = {
    SETTING: "#d9d9d9", SEED: "#969696", "evaluation seed": "#d55e00", "rows": "#e69f00", "bins": "#56b4e9",
    "codes": "#0072b2",
}  # fmt: skip
WORDS = {"codes": "mean or sampled codes", "rows": "number of rows", "bins": "number of bins", SETTING: "setting"}
EXPLANATION = (
    "Each choice is moved alone: 10 and 40 bins, a quarter and a half of the rows, three draws, sampled codes for mean "
    "ones. Bars: variance with each choice, as shares of what all make together."
)
UNKNOWN = "No bar: no variance at all, or no run that has every level of a choice."


def draw_sensitivity(study: Asked) -> Iterator[NamedDrawing]:
    """Shares of variance of each score, and of each rank correlation of the paper's scores, on each data set.

    Raises:
        TooFewRunsError: no run has stored codes, or no setting has two seeds.
    """
    with Pool() as pool:
        evaluate_again(study.plan, study.store, pool)
    scores = scores_again(study.plan, study.store)
    if scores.empty:
        command = study.store.command(f"score study={study.plan.name}")
        raise TooFewRunsError(f"no run of the study has stored codes: {command} encodes them")
    shares = score_shares(scores)
    yield "sensitivity_of_scores", _figure(shares, shares["name"].map(title), "a score", study, scores), shares
    names = [n for n in PAPER.values() if n in set(scores["name"])]
    of_pairs = correlation_shares(scores, names)
    if of_pairs["share"].notna().any():
        pairs = of_pairs["row"].map(title) + ", " + of_pairs["column"].map(title)
        yield "sensitivity_of_correlations", _figure(of_pairs, pairs, "a rank correlation", study, scores), of_pairs


def _figure(
    shares: pd.DataFrame, labels: "pd.Series[str]", subject: str, study: Asked, scores: pd.DataFrame
) -> Picture:
    rows = list(dict.fromkeys(labels))
    sources = [s for s in (SETTING, SEED, *choices(shares["source"])) if s in set(shares["source"])]
    places = list(shares.assign(label=labels).groupby("dataset", sort=False))
    figure, axes, _ = panel_grid(len(places), 0.17 * len(rows) + 0.5, sharey=True)
    for ax, (dataset, part) in zip(axes, places, strict=True):
        _bars(ax, part, rows, sources)
        ax.set_title(dataset_title(str(dataset)))
        ax.set_xlabel("share of variance (%)")
    heading = f"What {subject} depends on beside the codes"
    keys = axes[0].get_legend_handles_labels()
    note = f"{EXPLANATION} {UNKNOWN}" if shares["share"].isna().any() else EXPLANATION
    titled(figure, heading, sizes_of(scores), study.plan.schedules, note, keys)
    return figure


def _bars(ax: Axes, part: pd.DataFrame, rows: Sequence[str], sources: Sequence[str]) -> None:
    shares = part.pivot_table(index="label", columns="source", values="share").reindex(index=rows, columns=sources)
    shares = 100 * shares.fillna(0)
    left = pd.Series(0.0, index=rows)
    for source in sources:
        ax.barh(range(len(rows)), shares[source], left=left, color=COLOURS[source], height=0.75,
                label=WORDS.get(source, source), edgecolor="white", linewidth=0.4)  # fmt: skip
        left = left + shares[source]
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, 100)

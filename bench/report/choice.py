"""What criteria choose without factors, as tables of text and files; and what it costs, as a figure a data set."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import PAPER, apart, dataset_title, hyperparameters, model_title, setting_title, title
from bench.analysis.scores.agreement import MIN_SEEDS, TooFewRunsError
from bench.analysis.scores.choice import ANY, CRITERIA, Choice, choose
from bench.analysis.scores.dead import dead_runs, dead_sentence
from bench.analysis.scores.selection import with_sampled_tc
from bench.escaping import as_cells, markdown, markdown_code
from bench.report.figures.panels import Looks, bottom_of, metrics_of, model_keys, panel_grid, rng, standing
from bench.report.figures.selection import chosen_by
from bench.report.style import Picture, remove, save, titled
from bench.store.files import write_text
from bench.store.folders import Store
from bench.study.plan import Plan

NOTE = (
    "Regret: the best run's score less that of the run that a criterion picks, among the strengths and seeds of a "
    "model; of any run: the mean. Training: means of its last fifth. Dead runs are not among them. Lines: 95% interval "
    "over seeds, none below five."
)
PICKED = ("model", "chosen by", "its value", "setting", "seed", "run")


@dataclass(frozen=True)
class Chosen:
    """What is chosen on one data set, with what is said of it.

    Attributes:
        dataset: its name.
        choice: picks, with the columns hyperparameter and path ("": its scores come from a table), and regrets.
        remarks: sentences on what was left out, and why.
    """

    dataset: str
    choice: Choice
    remarks: Sequence[str]

    @property
    def metrics(self) -> list[str]:
        """Those by which the regret is known."""
        return list(dict.fromkeys(self.choice.regrets["metric"]))

    def table(self, metrics: Sequence[str]) -> tuple[Sequence[str], Iterator[list[str]]]:
        """Heads, and a line a model and criterion: the run that it takes, and its regret by some metrics.

        A run is named by its path, or by its id where it has none. Models whose regret is known have a line of any run.
        """
        return [*PICKED, *(f"regret: {title(metric)}" for metric in metrics)], self._lines(metrics)

    def _lines(self, metrics: Sequence[str]) -> Iterator[list[str]]:
        known = {(r.model, r.by, r.metric): r for r in self.choice.regrets.itertuples()}
        for name, picks in self.choice.picks.groupby("model", sort=False):
            model = model_title(str(name))
            for p in picks.itertuples():
                setting = setting_title(str(name), p.hyperparameter, p.value).removeprefix(f"{model}, ")
                line = [model, chosen_by(p.by), f"{p.criterion:.4g}", setting, str(p.seed), p.path or p.run]
                yield line + [_regret(known.get((name, p.by, metric))) for metric in metrics]
            if any((name, ANY, metric) in known for metric in metrics):
                yield [model, ANY, "", "", "", "", *(_regret(known.get((name, ANY, metric))) for metric in metrics)]


def _regret(row: Any) -> str:
    if row is None:
        return ""
    return f"{row.regret:.2f}" + ("" if np.isnan(row.low) else f" [{row.low:.2f}, {row.high:.2f}]")


def chosen_runs(table: pd.DataFrame, store: Store) -> tuple[list[Chosen], list[str]]:
    """The runs that criteria choose on each data set of a study's table, and what that costs where factors are known.

    Returns:
        What is chosen on each data set, and for others why nothing is.
    """
    chosen, reasons = list[Chosen](), list[str]()
    for dataset, of_dataset in apart(table).groupby("dataset", sort=False, observed=True):
        dead = dead_runs(of_dataset)
        living = of_dataset[~of_dataset["run"].isin(dead)]
        remarks = [f"{dead_sentence(of_dataset).removesuffix('.')}; none is chosen."] if dead else []
        try:
            if living.empty:
                raise TooFewRunsError("every run is dead")
            scores = with_sampled_tc(living).dropna(axis="columns", how="all")
            choice = choose(scores, _metrics(living, scores), rng())
        except TooFewRunsError as reason:
            reasons.append(f"nothing is chosen on {dataset}: {reason}")
        else:
            chosen.append(Chosen(str(dataset), _placed(choice, living, store), [*remarks, *_remarks(choice)]))
    return chosen, reasons


def _metrics(table: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """The paper's metrics, else every headline score; none where factors are unknown."""
    names = metrics_of(table, scores, least=0)
    return [name for name in names if name in PAPER.values()] or names


def _placed(choice: Choice, table: pd.DataFrame, store: Store) -> Choice:
    swept = hyperparameters(table)
    paths = [str(folder.path) if (folder := store.run(run)).path.is_dir() else "" for run in choice.picks["run"]]
    picks = choice.picks.assign(hyperparameter=choice.picks["model"].map(swept), path=paths)
    return Choice(picks, choice.regrets, choice.reasons)


def _remarks(choice: Choice) -> Iterator[str]:
    """What was left out, in sentences."""
    for model, picks in choice.picks.groupby("model", sort=False):
        if left_out := picks["incomplete"].iloc[0]:
            whole = picks["runs"].iloc[0] + left_out
            yield f"{model_title(str(model))}: {left_out} of {whole} runs lack a score of others and are not chosen."
    for model, why in choice.reasons.items():
        if choice.picks["model"].eq(model).any():
            yield f"{model_title(model)}: the regret is not known: {why}."
        else:
            yield f"{model_title(model)}: nothing is chosen: {why}."
    yield from sure_picks(choice.regrets)


def sure_picks(regrets: pd.DataFrame) -> Iterator[str]:
    """How many picks, each by one metric, are better and worse than any run: their intervals are apart."""
    known = regrets.dropna(subset=["low", "high"])
    picks = known[known["by"] != ANY].merge(known[known["by"] == ANY], on=["model", "metric"], suffixes=("", "_of_any"))
    if len(picks):
        better, worse = (picks["high"] < picks["low_of_any"]).sum(), (picks["low"] > picks["high_of_any"]).sum()
        yield (
            f"Of {len(picks):,} picks with an interval, each by one metric, {better:,} are surely better than a run at "
            f"random, {worse:,} surely worse: intervals are apart."
        )


def write_choice(chosen: Sequence[Chosen], plan: Plan, styles: Looks, folder: Path, command: str) -> Iterator[Path]:
    """Write choice.csv, choice.md and a figure of regrets a data set that has them; yield the paths.

    A figure that cannot be drawn any more is removed.
    """
    columns = ["dataset", "model", "by", "criterion", "run", "hyperparameter", "value", "seed", "runs", "path"]
    rows = pd.concat([one.choice.picks.assign(dataset=one.dataset) for one in chosen])[columns]
    written = {"choice.csv": as_cells(rows).to_csv(index=False), "choice.md": _page(chosen, plan, command)}
    for name, text in written.items():
        write_text(folder / name, text)
        yield folder / name
    for one in chosen:
        stem, regrets = folder / f"regret_{one.dataset}", one.choice.regrets
        if regrets.empty:
            remove(stem)
        else:
            yield save(regret_figure(regrets, styles, one.dataset, plan.schedules), regrets, stem, command)[1]


def _page(chosen: Sequence[Chosen], plan: Plan, command: str) -> str:
    parts = [
        f"# {markdown(plan.title)}: runs to take without factors",
        f"Schedule: **{markdown(plan.schedules)}**. Made by {markdown_code(command)}. {markdown(NOTE)}",
    ]
    for one in chosen:
        parts += [f"## {markdown(dataset_title(one.dataset))}", _as_markdown(*one.table(one.metrics))]
        parts += [markdown(" ".join(one.remarks))] if one.remarks else []
    return "\n\n".join(parts) + "\n"


def _as_markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = [map(markdown, heads), ["---"] * len(heads), *(map(markdown, line) for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def regret_figure(regrets: pd.DataFrame, styles: Looks, dataset: str, schedules: str) -> Picture:
    """The regrets of a `Choice`: a panel a metric, a row a criterion, a mark a model."""
    metrics, models = (list(dict.fromkeys(regrets[c])) for c in ("metric", "model"))
    ways = [way for way in (*CRITERIA, ANY) if way in set(regrets["by"])]
    figure, axes, _ = panel_grid(len(metrics), 0.5 + len(ways) * (0.1 + 0.05 * len(models)), sharey=True)
    for ax, metric in zip(axes, metrics, strict=True):
        _marks(ax, regrets[regrets["metric"] == metric], ways, models, styles)
        ax.set_title(title(metric))
    for ax in bottom_of(axes):
        ax.set_xlabel("regret")
    heading = f"{dataset_title(dataset)}: what choosing a run without factors costs"
    titled(figure, heading, _standing(regrets), schedules, NOTE, model_keys(models, styles, line=False))
    return figure


def _standing(regrets: pd.DataFrame) -> str:
    """Numbers of runs and seeds in words; where a model lost seeds to death, the fewest and the most."""
    of_models = regrets.drop_duplicates("model")
    runs, fewest, most = int(of_models["runs"].sum()), int(of_models["seeds"].min()), int(of_models["seeds"].max())
    if fewest >= MIN_SEEDS or most < MIN_SEEDS:
        return standing(runs, fewest)
    return f"{runs:,} runs, {fewest} to {most} seeds a setting by model: no interval below {MIN_SEEDS}"


def _marks(ax: Axes, regrets: pd.DataFrame, ways: list[str], models: list[str], styles: Looks) -> None:
    offsets = np.linspace(-0.32, 0.32, len(models)) if len(models) > 1 else [0.0]
    for model, offset in zip(models, offsets, strict=True):
        of_model = regrets[regrets["model"] == model].set_index("by").reindex(ways)
        places, style = np.arange(len(ways)) + offset, styles[model]
        ax.hlines(places, of_model["low"], of_model["high"], color=style["color"], linewidth=0.8)
        ax.scatter(of_model["regret"], places, s=9, color=style["color"], marker=style["marker"], linewidth=0, zorder=2,
                   clip_on=False)  # fmt: skip
    ax.set_yticks(range(len(ways)), [chosen_by(way) for way in ways])
    ax.set_ylim(len(ways) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.hlines(np.arange(1, len(ways)) - 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="0.92", linewidth=0.6)
    ax.locator_params(axis="x", nbins=4)

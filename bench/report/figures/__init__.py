"""The paper's figures from a score table: one function a figure, listed here once."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path

import pandas as pd

from bench import registry
from bench.analysis.names import apart
from bench.analysis.scores.dead import dead_sentence
from bench.pool import Pool
from bench.report.drawings import Drawing, Outcome, code, draw_changed, rows_digest
from bench.report.figures.accuracy import accuracy_by_dci, accuracy_by_mig
from bench.report.figures.across_datasets import dataset_agreement, dataset_scatter, transfer_of_settings
from bench.report.figures.box_plots import runs_in_box_plots
from bench.report.figures.comparison import model_comparisons, variance_by_model
from bench.report.figures.correlations import (
    metric_agreement,
    metrics_and_downstream,
    unsupervised_and_downstream,
    unsupervised_and_metrics,
)
from bench.report.figures.dependence import mutual_information, total_correlation, total_correlation_scatter
from bench.report.figures.distributions import scores_by_model, scores_by_strength
from bench.report.figures.metric_clusters import metric_clusters
from bench.report.figures.panels import Drawn
from bench.report.figures.scatters import efficiency_scatter, metric_pairs
from bench.report.figures.seeds import seeds_needed
from bench.report.figures.selection import selected_runs
from bench.report.figures.strengths import medians_against_strength
from bench.report.schedules import schedules_of
from bench.report.style import Picture, remove, save
from bench.scoring.runs import declaration
from bench.store.files import digest
from bench.study.plan import Plan

PROVENANCE = ["seconds", "device", "train_seconds", "versions", "revision"]  # columns that no figure may read

FIGURES: dict[str, Callable[..., Drawn]] = {
    "fig1_total_correlation": total_correlation,
    "fig2_metric_agreement": metric_agreement,
    "fig5_metrics_and_downstream": metrics_and_downstream,
    "fig10_total_correlation_scatter": total_correlation_scatter,
    "fig16_unsupervised_and_metrics": unsupervised_and_metrics,
    "fig17_agreement_across_datasets": dataset_agreement,
    "fig18_datasets_scatter": dataset_scatter,
    "fig22_accuracy_by_dci": accuracy_by_dci,
    "fig23_accuracy_by_mig": accuracy_by_mig,
    "fig24_unsupervised_and_downstream": unsupervised_and_downstream,
    "fig27_mutual_information": mutual_information,
    "table1_transfer_of_settings": transfer_of_settings,
    "table5_variance_explained": variance_by_model,
    "seeds_needed": seeds_needed,
}
DATASET_FIGURES: dict[str, Callable[..., Drawn]] = {
    "fig3_scores_by_model": scores_by_model,
    "fig4_scores_and_strength": medians_against_strength,
    "fig6_efficiency": efficiency_scatter,
    "fig11_metric_pairs": metric_pairs,
    "fig14_scores_by_strength": scores_by_strength,
    "box_plots": runs_in_box_plots,
    "metric_clusters": metric_clusters,
    "probability_of_beating": model_comparisons,
    "selected_runs": selected_runs,
}
# a figure that takes `every` shows the paper's disentanglement metrics; a second one, "_all", all metrics of the suite
for figures in (FIGURES, DATASET_FIGURES):
    of_paper = {name: draw for name, draw in figures.items() if "every" in signature(draw).parameters}
    figures.update({f"{name}_all": partial(draw, every=True) for name, draw in of_paper.items()})


def draw_all(table: pd.DataFrame, plan: Plan, folder: Path, pool: Pool) -> Iterator[Outcome]:
    """Draw every figure whose scores have changed into a study's folder; yield the outcome of each."""
    shown = apart(table).drop(columns=PROVENANCE, errors="ignore")
    datasets = dict.fromkeys(member.dataset for member in plan.members)
    tasks = [(name, None) for name in FIGURES] + [(name, dataset) for dataset in datasets for name in DATASET_FIGURES]
    command = f"python -m bench analyze study={plan.name}"
    rows = {dataset: rows_digest(_rows(shown, dataset)) for dataset in (None, *datasets)}
    registered = registry.names("metrics")
    declared = {m: repr(declaration(m)) for m in shown["metric"].unique() if m in registered}
    schedules = schedules_of(plan, table)
    made_from = [code("analysis", "metrics", "report"), declared, schedules, command]
    drawings = [Drawing(_stem(*task), digest([*made_from, *task, rows[task[1]]]), task) for task in tasks]
    draw = partial(_draw, shown, schedules, folder / "figures", command)
    return draw_changed("figures", drawings, draw, folder, pool)


def _rows(table: pd.DataFrame, dataset: str | None) -> pd.DataFrame:
    """The rows for a figure: all; or those of a data set, and one of each other model, which keeps colours the same."""
    if dataset is None:
        return table
    of_dataset, suite = table["dataset"].eq(dataset), set(registry.names("models"))
    others = table[~of_dataset & table["model"].isin(suite - set(table.loc[of_dataset, "model"]))]
    return pd.concat([table[of_dataset], others.drop_duplicates("model")])


def _draw(
    table: pd.DataFrame, schedules: str, folder: Path, command: str, name: str, dataset: str | None
) -> list[Path]:
    """Draw one figure; return its files."""
    stem = folder / _stem(name, dataset)
    rows = _rows(table, dataset)
    try:
        with _collected_once():
            if dataset is None:
                figure, numbers = FIGURES[name](rows, schedules)
            else:
                figure, numbers = DATASET_FIGURES[name](rows, dataset, schedules)
            _name_dead(figure, rows if dataset is None else rows[rows["dataset"] == dataset])
            return save(figure, numbers, stem, command)
    except Exception:
        remove(stem)
        raise


def _name_dead(figure: Picture, rows: pd.DataFrame) -> None:
    """Add to a figure's caption how many of its runs are dead, and which, unless it says so already."""
    names = dead_sentence(rows)
    if names and "no active dimension" not in figure.caption:
        figure.caption += f" {names}"


@contextmanager
def _collected_once() -> Iterator[None]:
    """Collect garbage once, at the end, among new objects: repeated full collections take a tenth of the time."""
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if enabled:
            gc.enable()


def _stem(name: str, dataset: str | None) -> str:
    return name if dataset is None else f"{name}_{dataset}"

"""The paper's figures from a score table: one function a figure, listed here once."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from traceback import format_exc

import pandas as pd

from bench.analysis.agreement import TooFewRunsError
from bench.grid import Plan
from bench.pool import Pool
from bench.report.figures.accuracy import accuracy_by_dci, accuracy_by_mig
from bench.report.figures.across_datasets import dataset_agreement, dataset_scatter, transfer_of_settings
from bench.report.figures.comparison import model_comparisons, variance_by_model
from bench.report.figures.correlations import (
    metric_agreement,
    metrics_and_downstream,
    unsupervised_and_downstream,
    unsupervised_and_metrics,
)
from bench.report.figures.dependence import mutual_information, total_correlation, total_correlation_scatter
from bench.report.figures.distributions import scores_by_model, scores_by_strength
from bench.report.figures.panels import Drawn
from bench.report.figures.scatters import efficiency_scatter, metric_pairs
from bench.report.figures.seeds import seeds_needed
from bench.report.figures.selection import selected_runs
from bench.report.figures.strengths import medians_against_strength
from bench.report.style import remove, save

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
    "probability_of_beating": model_comparisons,
    "selected_runs": selected_runs,
}
# figures of disentanglement metrics show those of the paper; of these there is one with all of the suite's besides
EVERY = (
    "fig2_metric_agreement", "fig5_metrics_and_downstream", "fig16_unsupervised_and_metrics",
    "fig17_agreement_across_datasets", "fig18_datasets_scatter", "table5_variance_explained",
)  # fmt: skip
DATASET_EVERY = (
    "fig3_scores_by_model", "fig4_scores_and_strength", "fig6_efficiency", "fig11_metric_pairs",
    "fig14_scores_by_strength",
)  # fmt: skip
FIGURES |= {f"{name}_all": partial(FIGURES[name], every=True) for name in EVERY}
DATASET_FIGURES |= {f"{name}_all": partial(DATASET_FIGURES[name], every=True) for name in DATASET_EVERY}


def draw_all(table: pd.DataFrame, plan: Plan, folder: Path, pool: Pool) -> Iterator[str]:
    """Draw every figure into a study's folder; yield a line for each: where it is, or why it was not drawn.

    Raises:
        ExceptionGroup: figures that failed, after all others were drawn.
    """
    datasets = dict.fromkeys(r.dataset for r in plan.runs)
    tasks = [(name, None) for name in FIGURES] + [(name, dataset) for dataset in datasets for name in DATASET_FIGURES]
    draw = partial(_draw, table, plan.budget, folder / "figures", f"python -m bench analyze study={plan.name}")
    faults: list[Exception] = []
    for position, result in pool.run(draw, tasks, killed=ChildProcessError("its process was killed")):
        if isinstance(result, Exception):
            faults.append(result)
            yield f"{_stem(*tasks[position])}: FAILED: {type(result).__name__}: {result}"
        else:
            yield result
    if faults:
        raise ExceptionGroup(f"{len(faults)} figures failed; the others are drawn", faults)


def _draw(
    table: pd.DataFrame, budget: str, folder: Path, command: str, name: str, dataset: str | None
) -> str | Exception:
    """Draw one figure; the line that says where it is, or why it was not drawn, or what went wrong."""
    stem = folder / _stem(name, dataset)
    with _collected_once():
        return _drawn(table, budget, stem, command, name, dataset)


def _drawn(
    table: pd.DataFrame, budget: str, stem: Path, command: str, name: str, dataset: str | None
) -> str | Exception:
    try:
        drawing = FIGURES[name](table, budget) if dataset is None else DATASET_FIGURES[name](table, dataset, budget)
    except TooFewRunsError as reason:
        remove(stem)
        return f"{stem.name}: not drawn: {reason}"
    except Exception as fault:
        remove(stem)
        fault.add_note(f"{stem.name}: {format_exc()}")  # it loses its traceback between processes
        return fault
    return f"{stem.name}: {save(*drawing, stem, command)[1]}"


@contextmanager
def _collected_once() -> Iterator[None]:
    """Garbage is collected at the end, among what is new; to go through all there is every so often costs a tenth."""
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

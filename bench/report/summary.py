"""The summary page of a study: runs, schedule, scores, pictures, and the command that makes them."""

from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from bench.analysis.names import (
    apart,
    dataset_title,
    disentanglement_scores,
    downstream_scores,
    hyperparameters,
    scores_without_factors,
    setting_title,
    title,
)
from bench.analysis.scores.agreement import wide
from bench.analysis.scores.dead import dead_sentence
from bench.escaping import markdown, markdown_code
from bench.report.gallery import in_order, title_of
from bench.scoring.groups import cells_of
from bench.scoring.runs import cell_records
from bench.store.files import write_text
from bench.store.folders import RunFolder, Store
from bench.study.plan import Plan
from bench.table.stored import export
from bench.training.catalogue import was_taken
from bench.values import counted

STATES = ("trained here", "shipped trained", "from a table", "codes from files", "failed", "missing")


def write_summary(table: pd.DataFrame, plan: Plan, store: Store, origin: str = "") -> Path:
    """Write `summary.md` and the score table beside it into the study's folder; return the page.

    `origin` says where the scores come from, if not only from the store's runs.
    """
    folder = store.study(plan.name)
    export(table, folder)
    table = apart(table)
    sections = [_head(table, plan, store, origin), *_score_tables(table), _skipped(plan, store), _figures(folder)]
    page = folder / "summary.md"
    write_text(page, "\n\n".join(s for s in sections if s) + "\n")
    return page


def _head(table: pd.DataFrame, plan: Plan, store: Store, origin: str) -> str:
    seconds = training_seconds(table)
    training_time = f" {seconds / 60:,.1f} minutes of training in all." if seconds else ""
    source = f"{markdown(origin[0].upper() + origin[1:])}.\n\n" if origin else ""
    return (
        f"# {markdown(plan.title)}\n\n"
        f"Schedule: **{markdown(plan.schedules)}**; scored under the **{markdown(plan.protocol.name)}** protocol. "
        f"{run_counts(table, plan, store)}.{training_time}\n\n{source}"
        f"Remake it with {markdown_code(f'python -m bench run study={plan.name}')}; "
        "every score is in [scores.csv](scores.csv)."
    )


def run_counts(table: pd.DataFrame, plan: Plan, store: Store) -> str:
    """How many runs of a plan are trained here, from a table, missing and so on, and how many are scored, in words."""
    scored = set(table["run"])
    states = Counter(_state(store.run(run.id), run.id in scored) for run in plan.runs)
    states["codes from files"] = len(plan.codes)
    states_in_words = ", ".join(f"{states[s]:,} {s}" for s in STATES if states[s])
    count = sum(member.id in scored for member in plan.members)
    return f"{counted(len(plan.members), 'run')}: {states_in_words}; {count:,} scored"


def _state(folder: RunFolder, scored: bool) -> str:
    state = folder.state()
    if state == "done":
        return "shipped trained" if was_taken(folder) else "trained here"
    return "from a table" if state == "missing" and scored else state


def training_seconds(table: pd.DataFrame) -> float:
    """Wall time of training of the runs in a table."""
    return float(table.groupby("run", observed=True)["train_seconds"].max().sum())


def _score_tables(table: pd.DataFrame) -> list[str]:
    """A table for each data set: the mean over seeds of each setting's scores, and the sample sizes behind them."""
    if table.empty:
        return ["No scores yet."]
    scores = wide(table)
    names = [*disentanglement_scores(table), *downstream_scores(scores.columns), *scores_without_factors(table)]
    sections, swept_by = [], hyperparameters(table)
    for dataset in scores.index.unique("dataset"):
        of_dataset = scores.xs(dataset).reindex(columns=names).dropna(axis="columns", how="all")
        lines = [_row(["setting", "seeds", *map(title, of_dataset.columns)]), _row(["---"] * (2 + of_dataset.shape[1]))]
        for (model, value), group in of_dataset.groupby(["model", "value"], dropna=False):
            means = ["" if pd.isna(v) else f"{v:.3f}" for v in group.mean()]
            setting = setting_title(str(model), swept_by.get(str(model)), value)
            lines.append(_row([markdown(setting), str(len(group)), *means]))
        heading = markdown(dataset_title(str(dataset)))
        dead = dead_sentence(table[table["dataset"] == dataset])
        sentences = [_sizes(table, str(dataset)), *([markdown(dead)] if dead else [])]
        sections.append(f"## {heading}\n\n{' '.join(sentences)}\n\n" + "\n".join(lines))
    return sections


def _sizes(table: pd.DataFrame, dataset: str) -> str:
    rows = table[table["dataset"] == dataset].drop_duplicates("metric")
    sizes = [f"{r.metric} {r.num_train:,}" + (f" + {r.num_test:,}" if r.num_test else "") for r in rows.itertuples()]
    return f"Rows read (train + test): {markdown(', '.join(sizes))}. Means over seeds."


def _skipped(plan: Plan, store: Store) -> str:
    reasons = set()
    cells = cells_of(plan, lambda member: store.run(member.id).state() == "done")
    for run in plan.members:
        keys = {cell.key for cell in cells[run.id]}
        for key, record in cell_records(store.run(run.id)).items():
            if "skipped" in record and key in keys:
                reasons.add(f"- {markdown(dataset_title(run.dataset))}: {markdown(record['skipped'])}")
    return "## Not applicable\n\n" + "\n".join(sorted(reasons)) if reasons else ""


def _figures(folder: Path) -> str:
    shown = [*in_order((folder / "figures").glob("*.png")), *in_order((folder / "models").glob("*.png"))]
    links = [f"!{_link(p, folder)}" for p in shown]
    moving = [_link(p, folder) for p in sorted((folder / "models").glob("*.gif"))]
    links += ["Moving: " + ", ".join(moving)] if moving else []
    return "## Figures\n\n" + "\n\n".join(links) if links else ""


def _link(file: Path, folder: Path) -> str:
    return f"[{markdown(title_of(file.stem))}]({quote(str(file.relative_to(folder)))})"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"

"""`python -m bench choose study=NAME`: which runs to take without factors, and what that costs where they are known."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from bench.analysis.names import TC_SAMPLED, apart, dataset_title, title
from bench.analysis.scores.choice import CRITERIA, METRICS
from bench.progress import results, say
from bench.report.choice import Chosen, chosen_runs, write_choice
from bench.report.figures.panels import looks_of
from bench.scoring.groups import groups_of, of_groups
from bench.scoring.runs import declaration
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.table.scores import plan_scores


def choose(plan: Plan, store: Store, metric: str) -> int:
    """Print which run each criterion takes, and write it with the regrets; the exit code is 1 where nothing is chosen.

    The regret by `metric` is printed, where it is known; files have all.
    """
    table = plan_scores(plan, store)[0]
    chosen, reasons = chosen_runs(table, store)
    for one in chosen:
        results.print(_table(one, [metric] if metric in one.metrics else one.metrics[:1]))
        for remark in (*one.remarks, *_lacking(one, plan, store)):
            say(remark)
        if one.metrics and metric not in one.metrics:
            say(f"there is no regret by {metric}: rank_by={'|'.join(one.metrics)} chooses which is printed")
    if table.empty:
        reasons = [f"no run of study {plan.name} is scored: {store.command(f'run study={plan.name}')}"]
    for reason in reasons:
        say(f"choose: {reason}")
    if not chosen:
        return 1
    command, folder = f"python -m bench choose study={plan.name}", store.study(plan.name) / "choice"
    for path in write_choice(chosen, plan, looks_of(apart(table)), folder, command):
        say(f"choose: {path}")
    return 0


def _table(one: Chosen, metrics: Sequence[str]) -> Table:
    heads, lines = one.table(metrics)
    table = Table(*map(escape, heads), title=f"{escape(dataset_title(one.dataset))}: runs to take without factors")
    if metrics:
        table.caption = "regret: score of the best run less that of the run taken, with its 95% interval over seeds"
    before = None
    for model, *cells in lines:
        if model != before:
            table.add_section()
        table.add_row("" if model == before else escape(model), *(escape(_near(cell)) for cell in cells))
        before = model
    return table


def _near(text: str) -> str:
    """A path below the folder of the command as one from there; other text as it is."""
    return os.path.relpath(text) if os.path.isabs(text) and Path(text).is_relative_to(Path.cwd()) else text


def _lacking(one: Chosen, plan: Plan, store: Store) -> Iterator[str]:
    """Why criteria are not among those of a data set, in sentences."""
    there = set(one.choice.picks["by"])
    lacking = {metric: names for metric, names in _criteria().items() if not there & set(names)}
    members = [member for member in plan.members if member.dataset == one.dataset]
    compared = of_groups(lacking)
    if compared and all(len(group) == 1 for group in groups_of(members)):
        titles = " and ".join(title(name) for metric in lacking if metric in compared for name in lacking[metric])
        command = store.command(f"run study={plan.name} seed=0..4")
        yield f"{titles} compare runs that differ in their seed alone, and there is one seed: `{command}` adds more"
        lacking = {metric: names for metric, names in lacking.items() if metric not in compared}
    if lacking:
        titles = ", ".join(title(name) for names in lacking.values() for name in names)
        command = store.command(f"score study={plan.name} metric=[{','.join(lacking)}]")
        yield f"no run has {titles}: `{command}` computes them, where they apply"


def _criteria() -> dict[str, list[str]]:
    """Metric -> its scores that are criteria."""
    declared = {metric: [name for name in declaration(metric).scores if name in CRITERIA] for metric in METRICS}
    return declared | {"unsupervised": [TC_SAMPLED]}

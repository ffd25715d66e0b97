"""`python -m bench status study=NAME`: runs and scores of a study by state, for each model and data set."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.progress import results, say, say_once
from bench.scoring.groups import cells_of
from bench.scoring.runs import Cell
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.table.ledger import Ledger, ledger
from bench.table.scores import plan_scores
from bench.training.catalogue import shipped_among
from bench.values import counted

Group = tuple[str, str]  # model and data set


def status(plan: Plan, store: Store) -> int:
    """Count runs and scores of a study: done, failed, missing, for each model and data set."""
    known = ledger(store)
    counts = count(plan, known, wanted_cells(plan, known))
    table = Table("model", "data set", "trained", "failed", "missing", "scores", "skipped", "failed", "missing")
    table.title = f"{plan.title}: {counted(len(plan.members), 'run')} ({plan.schedules})"
    columns = ("done", "failed", "missing", "cell done", "cell skipped", "cell failed", "cell missing")
    for (model, dataset), tally in counts.items():
        table.add_row(model, dataset, *(str(tally[c]) for c in columns))
    table.add_section()
    total = sum(counts.values(), Counter[str]())
    table.add_row("all", "", *(str(total[c]) for c in columns))
    results.print(table)
    if total["unreadable"]:
        say(f"{counted(total['unreadable'], 'run')} cannot be read: left alone")
    for damage in known.damaged:
        say_once(str(damage))
    missing = [run for run in plan.runs if known.run(run) == "missing"]
    if missing and (origin := plan_scores(plan, store)[1]):
        say(origin)
    if shipped := shipped_among(missing):
        say(f"{len(shipped):,} of the {len(missing):,} missing runs ship trained: `train` takes their weights")
    return 0


def wanted_cells(plan: Plan, known: Ledger) -> dict[str, list[Cell]]:
    """Id of each member -> the cells that the plan wants of it."""
    return cells_of(plan, lambda member: known.run(member) == "done")


def count(plan: Plan, known: Ledger, cells_of_member: Mapping[str, Sequence[Cell]]) -> dict[Group, Counter[str]]:
    """For each group, the number of members by state and of wanted cells by "cell STATE"."""
    counts: dict[Group, Counter[str]] = {}
    for member in plan.members:
        tally = counts.setdefault((member.named, member.dataset), Counter())
        tally[known.run(member)] += 1
        tally.update(f"cell {known.cell(member, cell.key)}" for cell in cells_of_member[member.id])
    return counts

"""Groups of runs that differ in their seed alone, and all cells that a study wants of a member."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from bench import data, registry
from bench.scoring.runs import Cell, GroupCell, cells, declaration
from bench.store.files import digest
from bench.study.given import GivenCodes
from bench.study.plan import Member, Plan
from bench.study.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

Group = tuple[Member, ...]


def groups_of(members: Iterable[Member]) -> list[Group]:
    """Members grouped by everything but the seed, each group sorted by seed.

    Codes from elsewhere are groups of one: whether two files are codes of the same images is not known.
    """
    groups: dict[str, list[Member]] = {}
    for member in members:
        shared = member.id if isinstance(member, GivenCodes) else digest(member.config() | {"seed": None})
        groups.setdefault(shared, []).append(member)
    return [tuple(sorted(group, key=lambda member: (member.seed, member.id))) for group in groups.values()]


def group_cells(metrics: Iterable[str], protocol: Protocol, group: Sequence[Member]) -> list[GroupCell]:
    """The cells of a group under a protocol; their keys change with its members."""
    ids = [member.id for member in group]
    return [group_cell(m, protocol, group[0].dataset, ids) for m in metrics if declaration(m).reads == "group"]


def group_cell(metric: str, protocol: Protocol, dataset: str, runs: Iterable[str]) -> GroupCell:
    """The cell of a metric of groups, of the runs with these ids."""
    declared, images = declaration(metric), protocol.images(metric)
    if dataset != data.CUSTOM:
        images = min(images or data.card(dataset).num_images, data.card(dataset).num_images)
    options, sizes = protocol.options.get(metric, {}), {"num_points": declared.num_points}
    return GroupCell(metric, declared.version, "mean", sizes, options, images, tuple(sorted(runs)))


def cells_of(plan: Plan, trained: Callable[[Member], bool], whole: Plan | None = None) -> dict[str, list[Cell]]:
    """Id of each member -> the cells that the plan wants of it: its own, and those of its group.

    Args:
        plan: members, metrics and protocol.
        trained: whether a member has been trained. The trained members of a group get its current cells; the others
            get the cells that the complete group will have.
        whole: the study that the plan is a part of, whose members form the groups; None: the plan.
    """
    single_cells = cells(plan.metrics, plan.protocol)
    group_metrics = [metric for metric in plan.metrics if declaration(metric).reads == "group"]
    cells_by_id = {member.id: list(single_cells) for member in plan.members}
    for group in groups_of((whole or plan).members) if group_metrics else []:
        if not data.is_here(group[0].dataset, group[0].dataset_version):
            continue  # their keys are not known, and none can be computed
        present = [member for member in group if trained(member)]
        current, ids = group_cells(group_metrics, plan.protocol, present or group), {member.id for member in present}
        full = current if len(present) == len(group) else group_cells(group_metrics, plan.protocol, group)
        for member in group:
            if member.id in cells_by_id:
                cells_by_id[member.id] += current if member.id in ids else full
    return cells_by_id


def of_groups(metrics: Iterable[str]) -> set[str]:
    """The names that are registered, usable metrics of groups."""
    usable = set()
    for name in set(metrics) & set(registry.names("metrics")):
        with suppress(registry.PluginError):  # reported where the metric is requested
            usable |= {name} if declaration(name).reads == "group" else set()
    return usable


def groups_in(table: "pd.DataFrame") -> dict[str, tuple[str, str, list[str]]]:
    """The cells of groups in a score table: key -> (metric, data set, sorted ids of its runs)."""
    rows = table[table["metric"].isin(of_groups(table["metric"].unique()))]
    runs_of_cell = rows.groupby(["cell", "metric", "dataset"], observed=True)["run"].unique()
    return {cell: (metric, dataset, sorted(runs)) for (cell, metric, dataset), runs in runs_of_cell.items()}

"""Groups of runs that differ in their seed alone, and every cell that a study asks of a member."""

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
    """The members by what they have in common beside the seed, each group in the order of seeds.

    Codes from elsewhere are alone: nothing tells whether they are of the images that others are of.
    """
    found: dict[str, list[Member]] = {}
    for member in members:
        shared = member.id if isinstance(member, GivenCodes) else digest(member.config() | {"seed": None})
        found.setdefault(shared, []).append(member)
    return [tuple(sorted(group, key=lambda member: (member.seed, member.id))) for group in found.values()]


def group_cells(metrics: Iterable[str], protocol: Protocol, group: Sequence[Member]) -> list[GroupCell]:
    """The cells that a protocol asks of a group: they change with its members."""
    ids = [member.id for member in group]
    return [group_cell(m, protocol, group[0].dataset, ids) for m in metrics if declaration(m).reads == "group"]


def group_cell(metric: str, protocol: Protocol, dataset: str, runs: Iterable[str]) -> GroupCell:
    """The cell of a metric of groups, of the runs with these ids."""
    declared, images = declaration(metric), protocol.pool
    if dataset != data.CUSTOM:
        images = min(protocol.pool or data.card(dataset).num_images, data.card(dataset).num_images)
    options, sizes = protocol.options.get(metric, {}), {"num_points": declared.num_points}
    return GroupCell(metric, declared.version, "mean", sizes, options, images, tuple(sorted(runs)))


def cells_of(plan: Plan, trained: Callable[[Member], bool], whole: Plan | None = None) -> dict[str, list[Cell]]:
    """Id of each member -> the cells that are asked of it: its own, and those of its group.

    Args:
        plan: whose members, metrics and protocol.
        trained: whether a member has been trained. A group is of those that have; a member that has not been is in the
            group as it will be.
        whole: the study that the plan is a part of; its members make the groups.
    """
    alone = cells(plan.metrics, plan.protocol)
    compared = [metric for metric in plan.metrics if declaration(metric).reads == "group"]
    found = {member.id: list(alone) for member in plan.members}
    for group in groups_of((whole or plan).members) if compared else []:
        there = [member for member in group if trained(member)]
        those, ids = group_cells(compared, plan.protocol, there or group), {member.id for member in there}
        later = those if len(there) == len(group) else group_cells(compared, plan.protocol, group)
        for member in group:
            if member.id in found:
                found[member.id] += those if member.id in ids else later
    return found


def of_groups(metrics: Iterable[str]) -> set[str]:
    """Those of the names that are registered metrics of groups, and can be used."""
    found = set()
    for name in set(metrics) & set(registry.names("metrics")):
        with suppress(registry.PluginError):  # is told where the metric is asked for
            found |= {name} if declaration(name).reads == "group" else set()
    return found


def groups_in(table: "pd.DataFrame") -> dict[str, tuple[str, str, list[str]]]:
    """The cells of groups in a score table: key -> metric, data set and the ids of the runs that have it."""
    rows = table[table["metric"].isin(of_groups(table["metric"].unique()))]
    found = rows.groupby(["cell", "metric", "dataset"], observed=True)["run"].unique()
    return {cell: (metric, dataset, sorted(runs)) for (cell, metric, dataset), runs in found.items()}

"""The footer of a study's figures: the schedules of its runs, and how many of its runs have scores so far."""

from collections import Counter

import pandas as pd

from bench.study.plan import Plan


def schedules_of(plan: Plan, table: pd.DataFrame) -> str:
    """The schedules of a plan; if runs lack scores, also how many have scores, and in brackets of which models."""
    scored = set(table["run"])
    planned = Counter(run.group for run in plan.runs)
    present = Counter(run.group for run in plan.runs if run.id in scored)
    if present == planned:
        return plan.schedules
    several_datasets = len({dataset for _, dataset in planned}) > 1
    names = {group: f"{group[0]} on {group[1]}" if several_datasets else group[0] for group in planned}
    parts = [f"{present[g]} of {planned[g]} of {names[g]}" for g in planned if present[g]]
    if missing := [names[g] for g in planned if not present[g]]:
        parts.append(f"none of {', '.join(missing)}")
    common, _, others = plan.schedules.partition(" (")
    details = "; ".join([*([others.removesuffix(")")] if others else []), *parts])
    return f"{common}; {present.total():,} of {planned.total():,} planned runs ({details})"

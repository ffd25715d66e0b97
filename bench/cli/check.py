"""`python -m bench check metric=NAME`: a metric's report card, the contract as a table and its behaviour drawn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench.pool import Pool
from bench.progress import results, say
from bench.report.card import draw_card
from bench.report.style import save
from bench.scoring.floor_codes import KINDS
from bench.scoring.runs import declaration
from bench.store.folders import Store
from bench.testing import Verdict, examine
from bench.testing.behaviour import beside, curves


def check_metrics(names: Sequence[str], store: Store) -> int:
    """Print and draw the report card of each metric; the exit code is 1 if a property fails.

    Each metric is examined in a worker process, so that one that cannot be imported or crashes loses only its own card.
    """
    passed = []
    with Pool() as pool:
        for position, kind, value in pool.follow(_examined, [(name,) for name in names]):
            if kind == "result":
                verdicts, behaviour = value
                passed.append(_show(names[position], verdicts, behaviour, store))
            elif kind in ("raised", "ended"):
                say(f"check: {names[position]}: {value}")
                passed.append(False)
    return 0 if all(passed) else 1


def _examined(name: str) -> tuple[list[Verdict], Any]:
    """In a worker: a verdict on every property, and the behaviour as a table, or the error that prevented it.

    The behaviour is None for a metric of models: it does not score given codes, which an experiment could change.
    """
    verdicts = [replace(verdict, fault=None) for verdict in examine(name)]  # it may not be picklable
    if declaration(name).reads == "model":
        return verdicts, None
    try:
        return verdicts, curves(beside(name))
    except Exception as fault:
        return verdicts, f"{type(fault).__name__}: {fault}"


def _floor(behaviour: Any, name: str) -> str:
    """The scores that a metric gives to codes without information, in words."""
    points = behaviour[(behaviour["experiment"] == "nothing") & (behaviour["metric"] == name)]
    floors = [f"{p.name} of {tuple(KINDS.values())[int(p.x)]} {p.score:.3f}" for p in points.itertuples(index=False)]
    return f"floor: {', '.join(floors) or 'none, it does not apply to such codes'}"


def _show(name: str, verdicts: Sequence[Verdict], behaviour: Any, store: Store) -> bool:
    """Print and draw one card; returns whether every property holds."""
    version = declaration(name).version
    table = Table("property", "verdict", "why", title=f"{name}, version {version}")
    for verdict in verdicts:
        colour = {"passed": "green", "failed": "bold red"}.get(verdict.state, "dim")
        table.add_row(verdict.property, f"[{colour}]{verdict.state}[/]", escape(verdict.reason))
    results.print(table)
    holds = all(v.state != "failed" for v in verdicts)
    if behaviour is None:
        say(f"check: no picture of {name}: it scores models, not codes that can be made worse")
        return holds
    if isinstance(behaviour, str):
        say(f"check: no picture of {name}: {behaviour}")
        return False
    say(f"check: {_floor(behaviour, name)}")
    paths = save(draw_card(behaviour, name), behaviour, store.card(name), f"python -m bench check metric={name}")
    say(f"check: {paths[1]}")
    return holds

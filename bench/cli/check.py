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
    """Print and draw the report card of each metric; the exit code is 1 where a property fails.

    Each is examined in a worker process, so that one that cannot be imported or ends its process costs its own card.
    """
    passed = []
    with Pool() as pool:
        for position, kind, value in pool.follow(_examined, [(name,) for name in names]):
            if kind == "result":
                verdicts, drawn = value
                passed.append(_show(names[position], verdicts, drawn, store))
            elif kind in ("raised", "ended"):
                say(f"check: {names[position]}: {value}")
                passed.append(False)
    return 0 if all(passed) else 1


def _examined(name: str) -> tuple[list[Verdict], Any]:
    """In a worker: a verdict on every property, and the behaviour as a table, or why there is none.

    None: it is that of a model, whose codes are not changed at will.
    """
    verdicts = [replace(verdict, fault=None) for verdict in examine(name)]  # an exception may not be sent
    if declaration(name).reads == "model":
        return verdicts, None
    try:
        return verdicts, curves(beside(name))
    except Exception as fault:
        return verdicts, f"{type(fault).__name__}: {fault}"


def _floor(drawn: Any, name: str) -> str:
    """What a metric says of codes that hold nothing, in words."""
    points = drawn[(drawn["experiment"] == "nothing") & (drawn["metric"] == name)]
    told = [f"{p.name} of {tuple(KINDS.values())[int(p.x)]} {p.score:.3f}" for p in points.itertuples(index=False)]
    return f"floor: {', '.join(told) or 'none, it does not apply to such codes'}"


def _show(name: str, verdicts: Sequence[Verdict], drawn: Any, store: Store) -> bool:
    """Print and draw one card; whether every property holds."""
    version = declaration(name).version
    table = Table("property", "verdict", "why", title=f"{name}, version {version}")
    for found in verdicts:
        colour = {"passed": "green", "failed": "bold red"}.get(found.state, "dim")
        table.add_row(found.property, f"[{colour}]{found.state}[/]", escape(found.reason))
    results.print(table)
    holds = all(v.state != "failed" for v in verdicts)
    if drawn is None:
        say(f"check: no picture of {name}: it scores models, not codes that can be made worse")
        return holds
    if isinstance(drawn, str):
        say(f"check: no picture of {name}: {drawn}")
        return False
    say(f"check: {_floor(drawn, name)}")
    paths = save(draw_card(drawn, name), drawn, store.card(name), f"python -m bench check metric={name}")
    say(f"check: {paths[1]}")
    return holds

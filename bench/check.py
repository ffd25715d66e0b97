"""`python -m bench check metric=NAME`: a metric's report card, the contract as a table and its behaviour drawn."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.progress import results, say
from bench.report.card import draw_card
from bench.report.style import save
from bench.store import Store
from bench.testing import examine
from bench.testing.behaviour import beside, curves


def check_metrics(names: Sequence[str], store: Store) -> int:
    """Print and draw the report card of each metric; the exit code is 1 where a property fails."""
    passed = [_check_metric(name, store) for name in names]
    return 0 if all(passed) else 1


def _check_metric(name: str, store: Store) -> bool:
    verdicts = examine(name)
    version = registry.load("metrics", name).metric.version
    table = Table("property", "verdict", "why", title=f"{name}, version {version}")
    for found in verdicts:
        colour = {"passed": "green", "failed": "bold red"}.get(found.state, "dim")
        table.add_row(found.property, f"[{colour}]{found.state}[/]", escape(found.reason))
    results.print(table)
    try:
        drawn = curves(beside(name))
    except Exception as fault:
        say(f"check: no picture of {name}: {type(fault).__name__}: {fault}")
        return False
    paths = save(draw_card(drawn, name), drawn, store.card(name), f"python -m bench check metric={name}")
    say(f"check: {paths[1]}")
    return all(v.state != "failed" for v in verdicts)

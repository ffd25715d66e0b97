"""`score codes=FILE name=NAME`: a representation from elsewhere in the score table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench.launch.local import score, score_groups
from bench.pool import Pool
from bench.progress import results, say
from bench.scoring import foreign
from bench.scoring.groups import cells_of
from bench.scoring.runs import cell_records, state
from bench.store.folders import Store
from bench.study import grid
from bench.study.command import Settings, with_codes
from bench.study.plan import Plan
from bench.study.record import extend
from bench.table.ledger import mend
from bench.values import ConfigError


def score_file(settings: Settings) -> int:
    """Score a representation from elsewhere; the exit code is 1 if a metric failed.

    Raises:
        ConfigError: as `score_codes`, or the stage is not `score`.
    """
    if settings["stage"] != "score":
        raise ConfigError(f"codes=FILE is scored, not {settings['stage']}: python -m bench score codes=FILE name=NAME")
    return score_codes(settings)[1]


def score_codes(settings: Settings) -> tuple[Plan, int]:
    """Score a representation from elsewhere; returns a plan of it alone, and 1 if a metric failed, else 0.

    Raises:
        ConfigError: the name is missing, or there is more than one data set or seed.
    """
    if settings["name"] is None:
        raise ConfigError("codes=FILE needs a name to be listed under: name=NAME")
    strength, value = _setting(settings)
    file_codes = foreign.read(
        Path(str(settings["codes"])).expanduser(), str(settings["name"]), single(settings, "dataset"),
        single(settings, "seed"), strength, value,
    )  # fmt: skip
    study = with_codes(file_codes.member, settings, Store(settings["results_dir"]))
    chosen = settings["metric"] if "metric" in settings["given"] else "all"
    plan, broken = grid.usable(study.part, chosen)
    store, cells = Store(settings["results_dir"], writable=True), cells_of(plan, lambda _: True)[file_codes.member.id]
    folder = store.run(file_codes.member.id)
    mend([file_codes.member], store)
    foreign.put(file_codes, store)
    if settings["study"]["name"] is not None:
        extend(study.whole, store)
    retrying = {**settings, "retry_failed": True}  # cells that failed before are computed again
    with Pool(settings["processes"]) as pool:
        score(plan, store, pool, retrying)
        score_groups(plan, plan, store, pool, retrying)
    records = cell_records(folder)
    _show_scores(str(file_codes.member), [records[c.key] for c in cells])
    for fault in broken:
        say(str(fault))
    failed = broken or any(state(records[c.key]) == "failed" for c in cells)
    return plan, 1 if failed else 0


def _setting(settings: Settings) -> tuple[int | None, float | None]:
    """The (strength index, value) of the codes: an integer strength is an index, a float a value; None: not set."""
    if "strength" not in settings["given"]:
        return None, None
    strength = single(settings, "strength")
    if isinstance(strength, bool) or not isinstance(strength, int | float) or strength < 0:
        raise ConfigError(f"strength of codes must be an index from 0 or a value such as 2.5, got {strength!r}")
    return (strength, None) if isinstance(strength, int) else (None, strength)


def single(settings: Settings, key: str) -> Any:
    """The only value of a key that may hold a list.

    Raises:
        ConfigError: the list does not hold one value.
    """
    values = settings[key] if isinstance(settings[key], list) else [settings[key]]
    if len(values) != 1:
        raise ConfigError(f"codes=FILE is of one {key}, got {values}")
    return values[0]


def _show_scores(title: str, records: Sequence[Mapping[str, Any]]) -> None:
    table = Table("metric", "representation", "score", "value", "rows", title=escape(title))
    for record in records:
        head = record["metric"], record["representation"]
        rows = " + ".join(f"{n:,}" for n in record.get("rows", {}).values())
        for name, value in record.get("values", {}).items():
            if "/" not in name:
                table.add_row(*head, name, f"{value:.4f}", rows)
        for outcome in ("skipped", "failed"):
            if outcome in record:
                table.add_row(*head, outcome, escape(record[outcome]), "")
    results.print(table)

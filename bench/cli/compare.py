"""`analyze compare=[a,b]`: from two names to their scores, and from what is found to files and words."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from bench.progress import results, say, stage
from bench.registry import unknown
from bench.store.folders import Store
from bench.table.scores import scores, studies_with_scores, study_scores
from bench.values import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.pairs.compare import Comparison
    from bench.analysis.pairs.matching import Key

SHOWN = 8  # pairs of metrics, and runs, that are printed; files have all


@dataclass(frozen=True)
class Sides:
    """What is compared: two models by strength index, or two studies by setting."""

    names: tuple[str, str]
    tables: tuple["pd.DataFrame", "pd.DataFrame"]
    on: "Key"


def compare_named(settings: Mapping[str, Any]) -> int:
    """Compare two models of a study, or two studies, by rank correlation; the exit code.

    Raises:
        ConfigError: not two different names of one kind that have something in common.
        UnknownNameError: nothing is scored under a name.
    """
    from bench.analysis.board.leaderboard import columns
    from bench.analysis.pairs.compare import compare
    from bench.analysis.pairs.matching import NothingInCommonError
    from bench.report.comparison import write_comparison

    if settings["stage"] not in ("analyze", "compare"):
        raise ConfigError(f"compare=[a,b] goes with the stages compare and analyze, not with {settings['stage']}")
    with stage("compare"):
        sides = find_sides(settings["compare"], settings["study"]["name"], Store(settings["results_dir"]))
        names = [c.name for c in columns(sides.tables[0])]
        try:
            found = compare(*sides.tables, names, sides.on)
        except NothingInCommonError as fault:
            hint = "; codes from files have a strength index where they are scored with strength=INDEX"
            alone = any(t["strength_index"].isna().all() for t in sides.tables) and sides.on == "strength_index"
            raise ConfigError(f"{sides.names[0]} and {sides.names[1]} have {fault}{hint if alone else ''}") from fault
        schedules = " | ".join(sorted({s for t in sides.tables for s in t["schedule"].unique()}))
        command = shlex.join(["python", "-m", "bench", settings["stage"], *settings["overrides"]])
        store = Store(settings["results_dir"], writable=True)
        for path in write_comparison(found, sides.names, store.comparison(*sides.names), schedules, command):
            say(f"  {path}")
    for table in told(found, sides):
        results.print(table)
    return 0


def find_sides(asked: Any, study: str | None, store: Store) -> Sides:
    """The scores behind two names: models or codes of the study (None: of all that is there), or two studies."""
    from bench.analysis.names import apart

    if not isinstance(asked, list) or len(asked) != 2:
        raise ConfigError(f"compare takes two names, compare=[a,b], got {asked!r}")
    a, b = map(str, asked)
    if a == b:
        raise ConfigError(f"compare takes two different names, got {a!r} twice")
    studies = studies_with_scores(store)
    table = apart(scores(None, store.path) if study is None else study_scores(study, store)[0])
    models = sorted(table["model"].unique())
    if a in models and b in models:
        return Sides((a, b), (_of_model(table, a), _of_model(table, b)), "strength_index")
    for name in (a, b):
        if name not in models and name not in studies:
            raise unknown("model with scores, or study", name, [*models, *studies])
    if a in studies and b in studies:
        return Sides((a, b), (_of_study(a, store), _of_study(b, store)), "setting")
    raise ConfigError(f"compare takes two models or two studies; of {a!r} and {b!r} one is a model and one is a study")


def _of_study(name: str, store: Store) -> "pd.DataFrame":
    """A study's scores; where it has several samplings, models are named with theirs."""
    from bench.analysis.names import apart, samplings_in

    table = study_scores(name, store)[0]
    return apart(table) if len(samplings_in(table)) > 1 else table


def _of_model(table: "pd.DataFrame", model: str) -> "pd.DataFrame":
    """A model's scores, under one schedule and protocol."""
    mine = table[table["model"] == model]
    if mine["schedule"].nunique() > 1 or mine.duplicated(["run", "representation", "name", "factor"]).any():
        raise ConfigError(f"{model} has scores of several schedules or protocols here: choose one with study=NAME")
    return mine


def told(found: "Comparison", sides: Sides) -> Iterator[Table]:
    """What was found, in tables: agreement by score, pairs of scores that agree differently, runs that disagree."""
    yield _scores(found, sides)
    if not found.metrics.empty:
        yield _pairs(found, sides)
    if not found.runs.empty:
        yield _runs(found, sides)


def _scores(found: "Comparison", sides: Sides) -> Table:
    table = Table(title=f"{escape(sides.names[0])} and {escape(sides.names[1])}: Spearman [95% interval]")
    for name in ("data set", "score", "settings" if sides.on == "setting" else "strengths", "runs", "seeds"):
        table.add_column(name, justify="left" if name in ("data set", "score") else "right")
    for row in found.scores.sort_values("strengths").to_dict("records"):
        shown = [_with_interval(row, k, k) for k in ("strengths", "runs", "seeds")]
        table.add_row(row["dataset"], row["name"], *shown)
    first = found.scores.iloc[0]
    table.caption = (
        f"{first['settings']} settings of {first['fewest_seeds']} seeds or more, {first['pairs']} pairs of runs; "
        "seeds: without the median of their setting. The greatest disagreement first."
    )
    return table


def _pairs(found: "Comparison", sides: Sides) -> Table:
    from bench.report.comparison import differs

    metrics = found.metrics
    differing = sum(differs(r.low, r.high, r.fewest_seeds) for r in metrics.itertuples())
    table = Table(title="Pairs of scores that agree differently")
    for name in ("data set", "score", "and", *sides.names, "difference"):
        table.add_column(escape(name), justify="left" if name in ("data set", "score", "and") else "right")
    order = metrics["difference"].abs().sort_values(ascending=False).index
    for row in metrics.loc[order].head(SHOWN).to_dict("records"):
        numbers = [_number(row["a"]), _number(row["b"]), _with_interval(row, "difference")]
        table.add_row(row["dataset"], row["row"], row["column"], *numbers)
    table.caption = (
        f"{differing} of {len(metrics)} intervals exclude 0; chance alone makes about {len(metrics) * 0.05:.0f}"
    )
    return table


def _runs(found: "Comparison", sides: Sides) -> Table:
    table = Table(title="Runs that contribute most to the disagreement")
    heads = [f"{escape(n)}: rank" for n in sides.names]
    setting = sides.on.replace("_", " ")
    for name in ("data set", "score", setting, "seed", *heads, "share of 1 - Spearman"):
        table.add_column(name, justify="left" if name in ("data set", "score", setting) else "right")
    total = found.runs.groupby(["dataset", "name"])["contribution"].transform("sum")
    runs = found.runs.assign(share=found.runs["contribution"] / total)
    for row in runs.sort_values("contribution", ascending=False).head(SHOWN).to_dict("records"):
        ranks = [f"{row[f'rank_{s}']:g} ({row[f'score_{s}']:.3f})" for s in "ab"]
        setting = escape(str(row["setting"]))
        table.add_row(row["dataset"], row["name"], setting, str(row["seed"]), *ranks, f"{row['share']:.0%}")
    return table


def _with_interval(row: Mapping[str, Any], name: str, prefix: str | None = None) -> str:
    stem = f"{prefix}_" if prefix else ""
    low, high = row[f"{stem}low"], row[f"{stem}high"]
    return _number(row[name]) + (escape(f" [{low:.2f}, {high:.2f}]") if low == low else "")


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else "–"

"""`analyze compare=[a,b]`: from two names to their scores, and from their comparison to files and printed tables."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from bench.cli.writing import store_to_write
from bench.progress import results, say, stage
from bench.registry import unknown
from bench.store.folders import Store
from bench.table.scores import scores, studies_with_scores, study_scores
from bench.values import ConfigError, counted

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.pairs.compare import Comparison
    from bench.analysis.pairs.matching import Key

SHOWN = 8  # printed pairs of metrics, and runs; the files have all


@dataclass(frozen=True)
class Sides:
    """The two sides of a comparison: models matched by strength index, or studies matched by setting."""

    names: tuple[str, str]
    tables: tuple["pd.DataFrame", "pd.DataFrame"]
    on: "Key"


def compare_named(settings: Mapping[str, Any]) -> int:
    """Compare two models of a study, or two studies, by rank correlation; returns the exit code.

    Raises:
        ConfigError: the names are not two different ones of one kind, or nothing of them can be matched.
        UnknownNameError: a name has no scores.
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
            comparison = compare(*sides.tables, names, sides.on)
        except NothingInCommonError as fault:
            hint = "; codes from files have a strength index where they are scored with strength=INDEX"
            alone = any(t["strength_index"].isna().all() for t in sides.tables) and sides.on == "strength_index"
            raise ConfigError(f"{sides.names[0]} and {sides.names[1]} have {fault}{hint if alone else ''}") from fault
        schedules = " | ".join(sorted({s for t in sides.tables for s in t["schedule"].unique()}))
        command = shlex.join(["python", "-m", "bench", settings["stage"], *settings["overrides"]])
        store = store_to_write(settings)
        for path in write_comparison(comparison, sides.names, store.comparison(*sides.names), schedules, command):
            say(f"  {path}")
    for table in tables_of(comparison, sides):
        results.print(table)
    return 0


def find_sides(names: Any, study: str | None, store: Store) -> Sides:
    """The scores of two names: models or codes of the study (None: of the whole store), or two studies."""
    from bench.analysis.names import apart

    pieces = [str(piece) for piece in names] if isinstance(names, list) else []
    pairs = [(", ".join(pieces[:k]), ", ".join(pieces[k:])) for k in range(1, len(pieces))]  # a name may hold commas
    if not pairs:
        raise ConfigError(f"compare takes two names, compare=[a,b], got {names!r}")
    studies = studies_with_scores(store)
    table = apart(scores(None, store.path) if study is None else study_scores(study, store)[0])
    models = sorted(table["model"].unique())
    known_pairs = [pair for pair in pairs if {*pair} <= {*models, *studies}]
    if not known_pairs and len(pairs) > 1:
        raise ConfigError(f"compare takes two names with scores, compare=[a,b], got {', '.join(pieces)}")
    a, b = (known_pairs or pairs)[0]
    if a == b:
        raise ConfigError(f"compare takes two different names, got {a!r} twice")
    if a in models and b in models:
        return Sides((a, b), (_of_model(table, a), _of_model(table, b)), "strength_index")
    for name in (a, b):
        if name not in models and name not in studies:
            raise unknown("model with scores, or study", name, [*models, *studies])
    if a in studies and b in studies:
        return Sides((a, b), (_of_study(a, store), _of_study(b, store)), "setting")
    raise ConfigError(f"compare takes two models or two studies; of {a!r} and {b!r} one is a model and one is a study")


def _of_study(name: str, store: Store) -> "pd.DataFrame":
    """A study's scores; if it has several samplings, each model's name includes its sampling."""
    from bench.analysis.names import apart, samplings_in

    table = study_scores(name, store)[0]
    return apart(table) if len(samplings_in(table)) > 1 else table


def _of_model(table: "pd.DataFrame", model: str) -> "pd.DataFrame":
    """A model's scores, under one schedule and protocol."""
    rows = table[table["model"] == model]
    if rows["schedule"].nunique() > 1 or rows.duplicated(["run", "representation", "name", "factor"]).any():
        raise ConfigError(f"{model} has scores of several schedules or protocols: choose one with study=NAME")
    return rows


def tables_of(comparison: "Comparison", sides: Sides) -> Iterator[Table]:
    """Tables of a comparison: agreement by score, pairs of scores that agree differently, runs that disagree."""
    yield _scores(comparison, sides)
    if not comparison.metrics.empty:
        yield _pairs(comparison, sides)
    if not comparison.runs.empty and comparison.runs["contribution"].any():
        yield _runs(comparison, sides)


def _scores(comparison: "Comparison", sides: Sides) -> Table:
    table = Table(title=f"{escape(sides.names[0])} and {escape(sides.names[1])}: Spearman [95% interval]")
    for name in ("data set", "score", "settings" if sides.on == "setting" else "strengths", "runs", "seeds"):
        table.add_column(name, justify="left" if name in ("data set", "score") else "right")
    for row in comparison.scores.sort_values("strengths").to_dict("records"):
        shown = [_with_interval(row, k, k) for k in ("strengths", "runs", "seeds")]
        table.add_row(row["dataset"], row["name"], *shown)
    first = comparison.scores.iloc[0]
    cells = f"{counted(first['settings'], 'setting')} of {counted(first['fewest_seeds'], 'seed')} or more"
    table.caption = (
        f"{cells}, {counted(first['pairs'], 'pair')} of runs; "
        "seeds: without the median of their setting. The greatest disagreement first."
    )
    return table


def _pairs(comparison: "Comparison", sides: Sides) -> Table:
    from bench.report.comparison import differs

    metrics = comparison.metrics
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


def _runs(comparison: "Comparison", sides: Sides) -> Table:
    table = Table(title="Runs that contribute most to the disagreement")
    heads = [f"{escape(n)}: rank" for n in sides.names]
    setting = sides.on.replace("_", " ")
    for name in ("data set", "score", setting, "seed", *heads, "share of 1 - Spearman"):
        table.add_column(name, justify="left" if name in ("data set", "score", setting) else "right")
    total = comparison.runs.groupby(["dataset", "name"])["contribution"].transform("sum")
    runs = comparison.runs.assign(share=comparison.runs["contribution"] / total).query("contribution > 0")
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

"""`python -m bench list`: names of one kind; for metrics and trained models a table with their properties."""

from collections.abc import Iterable, Mapping, Sequence

from bench import data, registry
from bench.metrics.base import Metric, Score
from bench.progress import say
from bench.store.folders import Store
from bench.training.catalogue import Trained, catalogue
from bench.values import counted

HEAD = ("metric", "scores", "range", "better", "ranks", "invariant to", "version", "paper")
BLANK = ("",) * (len(HEAD) - 2)


def list_names(what: str | None, options: Mapping[str, Sequence[str]], store: Store) -> int:
    """Print the names of one kind (None: of every kind), and why some plug-ins cannot be used; the exit code.

    Studies are the shipped ones and those in the store.
    """
    trained, user_data = catalogue(), data.users_own()
    what = "datasets" if what == "data" else what
    kinds = {
        "models": list(options["model"]),
        "metrics": registry.names("metrics"),
        "datasets": [f"{name} (your own)" if name in user_data else name for name in data.names()],
        "studies": [
            s for s in dict.fromkeys((*options["study"], *store.studies())) if s != "custom"
        ],  # the option for a user's own grid
        "trained": [counted(len(trained), "model")],
    }
    if what is not None and what not in kinds:
        raise registry.unknown("kind", what, kinds)
    if what == "metrics":
        print("\n".join(metric_table(kinds["metrics"])))
        return 0
    if what == "trained":
        print("\n".join(trained_table(trained)))
        return 0
    for kind in [what] if what else kinds:
        print("\n".join(kinds[kind]) if what else f"{kind}: {', '.join(kinds[kind])}")
    if what in ("models", None):
        for line in (*registry.faults("models").values(), *_unlisted(kinds["models"])):
            say(str(line))
    if what is None:
        for fault in registry.faults("metrics").values():
            say(str(fault))
    return 0


def trained_table(entries: Iterable[Trained]) -> list[str]:
    """Lines of a Markdown table: the models of a catalogue, and how each is loaded."""
    rows: list[tuple[str, ...]] = [
        ("model", "data set", "strength", "value", "seed", "schedule", "trained with", "run", "MB", "weights")
    ]
    for e in entries:
        (strength, value, seed), run, training = e.setting, e.record["run"], e.record["training"]
        numbers = ["" if number is None else f"{number:g}" for number in (strength, value, seed)]
        size = f"{e.path.stat().st_size / 1e6:.1f}" if e.path.exists() else ""
        of_release = bool(e.record.get("release"))
        place = ("here" if of_release else "shipped") if size else "a release file" if of_release else "missing"
        revision = training.get("revision") or "unknown"
        rows.append((e.model, e.dataset, *numbers, run["schedule_label"], revision, e.run, size, place))
    return _lines(rows)


def _unlisted(configured: Iterable[str]) -> list[str]:
    """Messages about models, of this package or a plug-in, that have no configuration."""
    missing = {name: where for name, where in registry.modules("models").items() if name not in configured}
    return [
        f"the model {name!r} ({where}) is not listed: it needs its settings, conf/model/{name}.yaml"
        + ("" if where == f"bench.models.{name}" else f" in the package {registry.package_of(where)}")
        for name, where in sorted(missing.items())
    ]


def metric_table(names: Iterable[str]) -> list[str]:
    """Lines of a Markdown table: each metric's scores with range and direction, its version and its paper.

    A metric that cannot be used has the reason in place of its scores.
    """
    chosen = list(names)
    broken = registry.faults("metrics", chosen)
    rows = [HEAD, *(_row(name) if name not in broken else (f"`{name}`", str(broken[name]), *BLANK) for name in chosen)]
    return _lines(rows)


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]


def _row(name: str) -> tuple[str, ...]:
    """The row of one metric; its headline score comes first, and semicolons separate scores of different ranges."""
    declared: Metric = registry.load("metrics", name).metric
    groups: dict[Score, list[str]] = {}
    for score in sorted(declared.scores, key=lambda s: (s != declared.headline, declared.scores[s].high)):
        groups.setdefault(declared.scores[score], []).append(f"`{score}`")
    scores = "; ".join(", ".join(group) for group in groups.values())
    ranges, better = zip(*map(_range, groups), strict=True)
    directions = "; ".join(dict.fromkeys(better))
    rank_sets = ", ".join(declared.scores[declared.headline].ranks) if declared.headline else ""
    claims, version = ", ".join(declared.invariant_to), str(declared.version)
    return f"`{name}`", scores, "; ".join(ranges), directions, rank_sets, claims, version, declared.paper


def _range(score: Score) -> tuple[str, str]:
    better = {True: "higher", False: "lower", None: "neither"}[score.higher_is_better]
    return (f"{score.low:g}.." if score.high == float("inf") else f"{score.low:g}..{score.high:g}"), better

"""The content of a score table's card: a summary of its rows, and how they were made."""

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.store.folders import Store
from bench.store.shipped import revision
from bench.study.plan import Plan
from bench.table.records import training_records

if TYPE_CHECKING:
    import pandas as pd


def contents(table: "pd.DataFrame") -> dict[str, Any]:
    """A summary of the rows."""
    runs = table.drop_duplicates("run")
    seeds = runs.groupby(["dataset", "schedule", "model", "value"], dropna=False, observed=True).size()
    metrics = table.drop_duplicates(["metric", "version"])
    return {
        "runs": len(runs),
        "rows": len(table),
        "settings": len(seeds),
        "seeds_a_setting": f"{seeds.min()} to {seeds.max()}" if seeds.min() < seeds.max() else int(seeds.min()),
        "datasets": _counts(runs["dataset"]),
        "schedules": _counts(runs["schedule"]),
        "models": _counts(runs["model"]),
        "metrics": [f"{m.metric} (version {m.version})" for m in metrics.sort_values("metric").itertuples()],
    }


def today() -> str:
    """The date, as cards and records have it."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _counts(column: "pd.Series[Any]") -> dict[str, int]:
    return dict(sorted(Counter(map(str, column)).items()))


def part(table: "pd.DataFrame", plan: Plan, store: Store, command: str | None = None) -> dict[str, Any]:
    """The part of a card for one study: its rows, how its runs were trained, and the command; None: `export`."""
    done = training_records(store, table["run"].unique())
    packages = sorted({p for d in done for p in d["versions"]})
    return {
        "study": plan.name,
        "schedule": plan.schedules,
        "protocol": plan.protocol.name,
        "runs": f"{len(done)} of {len(plan.runs)} planned",
        "rows": len(table),
        "devices": dict(Counter(d["device"] for d in done)),
        "training_hours": round(sum(d["seconds"] / d.get("fleet", 1) for d in done) / 3600, 2),
        "versions": {p: ", ".join(sorted({d["versions"].get(p, "none") for d in done})) for p in packages},
        "exported": today(),
        "exported_by_revision": revision(),
        "command": command or f"python -m bench export study={plan.name}",
    }

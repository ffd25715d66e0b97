"""Identities: the contents that run ids and cell keys are hashes of, exported beside a table to verify its rows.

A row has the model, seed and data set of a run, but not everything that the run's id is a hash of. With the hashed
content the id can be verified: nobody can construct another run or protocol with the same hash. Tables of older exports
lack identities: their rows are accepted unverified, and counted.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bench import data
from bench.data.sampling import of_entry
from bench.scoring.groups import group_cell, groups_in
from bench.scoring.runs import cells
from bench.store.files import digest, read_json
from bench.store.folders import Store
from bench.store.record_types import SHOWN
from bench.study.given import LABEL
from bench.study.plan import Plan
from bench.study.run import TRAINED_ON
from bench.table.folder import Identities
from bench.table.rules import shown

if TYPE_CHECKING:
    import pandas as pd


def identities_of(table: "pd.DataFrame", plan: Plan, store: Store) -> Identities:
    """Id or key -> the content that it is the hash of, for runs and cells of a study's table; some may be missing."""
    planned = {member.id: member.config() for member in plan.members}
    identities: Identities = {cell.key: cell.content for cell in cells(plan.metrics, plan.protocol)}
    for run in table["run"].unique():
        identities[run] = planned.get(run) or _recorded(run, store)
    for cell, (metric, dataset, runs) in groups_in(table).items():
        if dataset != data.CUSTOM and data.card_if_here(dataset) is None:
            continue
        identities[cell] = group_cell(metric, plan.protocol, dataset, runs).content
    return among(identities, table)


def among(identities: Identities, table: "pd.DataFrame") -> Identities:
    """The identities of a table's runs and cells whose hash is right."""
    return {
        key: identities[key]
        for key in (*table["run"].unique(), *table["cell"].unique())
        if key in identities and _is_hash_of(key, identities[key])
    }


def check_identities(identities: Identities, table: "pd.DataFrame") -> int:
    """Check that ids and keys are the hashes of their content, and that a table's rows agree with it.

    Returns:
        Number of runs of the table without an identity.

    Raises:
        ValueError: a hash is wrong or a row disagrees; the message names the run or the cell.
    """
    for name, content in identities.items():
        if not _is_hash_of(name, content):
            raise ValueError(f"{shown(name)} is not the hash of what is said of it")
    runs = table.drop_duplicates("run")
    for run in runs[runs["run"].isin(identities)].itertuples():
        if fault := _other_run(run, identities[run.run]):
            raise ValueError(f"run {run.run} has another {fault} in the table than in what its id is the hash of")
    kinds = table.drop_duplicates(["cell", "metric", "version", "representation"])
    for cell in kinds[kinds["cell"].isin(identities)].itertuples():
        content = identities[cell.cell]
        members = table.loc[table["cell"] == cell.cell, "run"].unique() if isinstance(content, list) else ()
        if not _same_cell(cell, content, members):
            raise ValueError(f"cell {cell.cell} is {cell.metric} in the table and something else in what it is of")
    return int((~runs["run"].isin(identities)).sum())


def check_store(table: "pd.DataFrame", store: Store) -> None:
    """Check that a table describes its runs as a store does, as far as the store has them.

    Raises:
        ValueError: a run differs; the message names it.
        StoreError: a run's record cannot be read.
    """
    import pandas as pd

    for run in table.drop_duplicates("run").itertuples():
        if (content := _recorded(run.run, store)) is None:
            continue
        index = read_json(store.run(run.run).config).get("strength")
        same = index is None if pd.isna(run.strength_index) else index == run.strength_index
        fault = _other_run(run, content) or (None if same else "strength index")
        if fault:
            raise ValueError(f"run {run.run} has another {fault} than in {store.run(run.run).config}")


def is_fitted(content: Any) -> bool:
    """Whether a run is of a learner that takes no steps, so that its id does not depend on their number."""
    schedule = content.get("schedule") if isinstance(content, dict) else None
    return isinstance(schedule, dict) and schedule.keys() == {"image_size"}


def _recorded(run: str, store: Store) -> Any:
    path = store.run(run).config
    record = read_json(path) if path.exists() else None
    return {k: v for k, v in record.items() if k not in SHOWN} if isinstance(record, dict) else None


def _is_hash_of(name: str, content: Any) -> bool:
    try:
        return isinstance(content, dict | list) and digest(content) == name
    except (TypeError, ValueError, RecursionError):
        return False


def _other_run(run: Any, content: Any) -> str | None:
    """The first column that disagrees with the content of the id, or None."""
    try:
        model, schedule, setting = content["model"], content.get("schedule", {}), content.get("setting", {})
        pixels = "{0}x{0} px".format(schedule["image_size"]) if schedule else LABEL
        trained_on = of_entry(content["sampling"]).label if "sampling" in content else ""
        steps = f"{schedule['steps']:,} steps, " if "steps" in schedule else ""
        agreement = {
            "model": run.model == model["name"],
            "hyper-parameter": run.hyperparameter != run.hyperparameter or run.hyperparameter in model["hyper"],
            "seed": run.seed == content["seed"],
            "data set": run.dataset == content["dataset"]["name"],
            "value": run.value != run.value or run.value in (*model["hyper"].values(), setting.get("value")),
            "schedule": f"{steps}{pixels}" in run.schedule,
            "sampling": run.schedule.partition(TRAINED_ON)[2] == trained_on,
        }
    except (LookupError, TypeError, ValueError, AttributeError):
        return "form"
    return next((name for name, same in agreement.items() if not same), None)


def _same_cell(cell: Any, content: Any, members: Iterable[str]) -> bool:
    if isinstance(content, list):
        of_group = len(content) in (4, 5) and content[:2] == [cell.metric, cell.version]
        of_group = of_group and isinstance(content[3], list)
        return of_group and all(run in content[3] for run in members)
    described = (content.get("metric"), content.get("version"), content.get("representation"))
    return described == (cell.metric, cell.version, cell.representation)

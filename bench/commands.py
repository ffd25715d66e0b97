"""What each stage of the command line does, from a composed configuration to an exit code."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench import data, grid, registry
from bench.grid import ConfigError, Plan, Run
from bench.pool import Pool, report
from bench.progress import Meter, results, say, stage
from bench.reference import merge, plan_scores, write_reference
from bench.registry import PluginError
from bench.scoring import Cell, cell_records, cells, score_run, state
from bench.store import Store, StoreError, TableFolder, read_json
from bench.table import scores, write_plan

Settings = Mapping[str, Any]


def perform(settings: Settings, options: Mapping[str, Sequence[str]]) -> int:
    """Run one stage of a composed configuration.

    Args:
        settings: the configuration.
        options: shipped names of configuration groups, for `list`.

    Returns:
        The exit code: 0, or 1 where some run or score failed.
    """
    name = settings["stage"]
    if name == "list":
        from bench.listing import list_names

        return list_names(settings["what"], options)
    if name == "data":
        return data_sets(settings)
    if name == "merge":
        return merge_table(settings)
    if name == "check":
        from bench.check import check_metrics

        return check_metrics(grid.metric_names(settings["metric"]), Store(settings["results_dir"], writable=True))
    if settings["codes"] is not None:
        return score_file(settings)
    plan, broken = _usable(grid.plan(settings), settings["metric"])
    store = Store(settings["results_dir"], writable=name != "status")
    if name == "status":
        return status(plan, store)
    write_plan(plan, store)
    try:
        _work(name, plan, store, settings)
        return closing(plan, store, broken)
    except KeyboardInterrupt:
        say("interrupted: what is finished is kept, the same command continues")
        return 130


def _usable(plan: Plan, asked: Any) -> tuple[Plan, list[PluginError]]:
    """The plan without metrics that cannot be imported, and why; one that was asked for by name is an error.

    Raises:
        PluginError: a metric that was named cannot be imported.
    """
    broken: dict[str, PluginError] = {}
    for name in plan.metrics:
        try:
            registry.load("metrics", name)
        except PluginError as fault:
            if asked != "all":
                raise
            broken[name] = fault
    metrics = tuple(m for m in plan.metrics if m not in broken)
    return dataclasses.replace(plan, metrics=metrics), list(broken.values())


def _work(name: str, plan: Plan, store: Store, settings: Settings) -> None:
    if name in ("run", "train", "score"):
        for dataset in dict.fromkeys(r.dataset for r in plan.runs):
            data.fetch(dataset)
        with Pool(settings["processes"]) as pool:
            if name in ("run", "train"):
                train(plan, store, pool, settings)
            if name in ("run", "score"):
                score(plan, store, pool, settings)
    if name in ("run", "analyze"):
        analyze(plan, store)
    if name in ("run", "report"):
        make_report(plan, store, settings["rank_by"])
    if name == "export":
        export(plan, store)


def train(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Train what is missing: on a GPU as fleets, on CPUs as one run a process."""
    redo = settings["retry_failed"]
    todo = [r for r in plan.runs if store.run(r.id).state() == "missing" or (redo and store.run(r.id).failed.exists())]
    if not todo:
        return say("train: nothing is missing")
    if settings["checkpoint"] is not None:
        return _adopt(todo[0], store, Path(settings["checkpoint"]))
    accelerator, logger = _accelerator(settings["device"]), settings["logger"]
    with Meter("train", sum(_steps(r) for r in todo), "steps", len(todo)) as meter:
        if accelerator == "cuda":
            for group in _fleets(todo):
                _train_task(group, store.path, accelerator, meter.advance, logger)
        else:
            tasks = [((run,), store.path, accelerator, report, logger) for run in todo]
            for position, (outcome,) in pool.run(_train_task, tasks, meter.advance):
                meter.advance(0, str(todo[position]) if outcome == "done" else f"FAILED {todo[position]}")


def score(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Compute the missing scores of trained runs."""
    redo = settings["retry_failed"]
    todo: list[tuple[Run, list[Cell]]] = []
    wanted = cells(plan.metrics, plan.protocol)
    for run in plan.runs:
        folder = store.run(run.id)
        if folder.state() == "done":
            records = cell_records(folder)
            again = ("missing", "failed") if redo else ("missing",)
            missing = [c for c in wanted if state(records.get(c.key)) in again]
            todo += [(run, missing)] if missing else []
    if not todo:
        return say("score: nothing is missing")
    with Meter("score", sum(len(c) for _, c in todo), "scores") as meter:
        tasks = [(run, missing, store.path) for run, missing in todo]
        for position, failed in pool.run(_score_task, tasks, meter.advance):
            run, missing = todo[position]
            meter.advance(len(missing), f"FAILED {run}: {', '.join(failed)}" if failed else str(run))


def _adopt(run: Run, store: Store, checkpoint: Path) -> None:
    from bench.training.train import adopt

    adopt(run, store, checkpoint)
    say(f"train: took the weights of {checkpoint} as {run}")


def _train_task(
    runs: Sequence[Run], path: Path, accelerator: str, told: Callable[[float, str], None], logger: Mapping[str, Any]
) -> list[str]:
    from bench.training.loggers import LoggerSetting
    from bench.training.train import train as train_runs

    return train_runs(runs, Store(path), accelerator, told, LoggerSetting(**logger))


def _score_task(run: Run, missing: list[Cell], path: Path) -> list[str]:
    from bench.training.train import load_learner

    records = score_run(run, missing, Store(path), load_learner)
    return [r["metric"] for r in records if "failed" in r]


def _accelerator(device: str) -> str:
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise registry.unknown("device", device, ["auto", "cpu", "cuda"])
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but torch sees no CUDA device")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _fleets(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that train together: one model, one data set, one schedule."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault((*run.group, run.schedule), []).append(run)
    return list(groups.values())


def _steps(run: Run) -> int:
    return 1 if run.fitted else run.schedule.steps


def score_file(settings: Settings) -> int:
    """Score a representation from elsewhere; the exit code is 1 where a metric failed.

    Raises:
        ConfigError: it is not one file with one name, data set and seed, or another stage than `score` was asked for.
    """
    from bench import foreign

    if settings["stage"] != "score":
        raise ConfigError(f"codes=FILE is scored, not {settings['stage']}: python -m bench score codes=FILE name=NAME")
    if settings["name"] is None:
        raise ConfigError("codes=FILE needs a name to be listed under: name=NAME")
    own = foreign.read(
        Path(str(settings["codes"])).expanduser(), str(settings["name"]), _single(settings, "dataset"),
        _single(settings, "seed"),
    )  # fmt: skip
    asked = grid.metric_names(settings["metric"])
    study = Plan(settings["study"]["name"], "", (), asked, grid.protocol_of(settings["scoring"]))
    plan, broken = _usable(study, settings["metric"])
    store, wanted = Store(settings["results_dir"], writable=True), cells(plan.metrics, plan.protocol)
    folder = store.run(own.id)
    foreign.put(own, store)
    if todo := foreign.missing(wanted, folder):
        with Meter("score", len(todo), "scores") as meter:
            foreign.score(own, todo, folder, lambda metric: meter.advance(1, metric))
    else:
        say("score: nothing is missing")
    if plan.name != "custom":
        foreign.add_to_study(own, wanted, store, plan.name, plan.protocol.name)
    records = cell_records(folder)
    _show_scores(f"{own.name}, seed {own.seed}, of {own.dataset} [{own.id}]", [records[c.key] for c in wanted])
    for fault in broken:
        say(str(fault))
    return 1 if broken or any(state(records[c.key]) == "failed" for c in wanted) else 0


def _single(settings: Settings, key: str) -> Any:
    """The one value of a key that may hold a list."""
    found = settings[key] if isinstance(settings[key], list) else [settings[key]]
    if len(found) != 1:
        raise ConfigError(f"codes=FILE is of one {key}, got {found}")
    return found[0]


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


def analyze(plan: Plan, store: Store) -> None:
    """Draw every figure that the study's scores allow; say why for the others."""
    from bench.report.figures import draw_all
    from bench.report.reproduction import draw_reproduction

    with stage("analyze"):
        table, origin = plan_scores(plan, store)
        if origin:
            say(f"  {origin}")
        for draw in (draw_all, draw_reproduction):
            for line in draw(table, plan, store.study(plan.name)):
                say(f"  {line}")


def make_report(plan: Plan, store: Store, rank_by: str) -> None:
    """Draw pictures of trained models and write the one-page summary."""
    from bench.report.pictures import draw_models
    from bench.report.summary import write_summary
    from bench.training.train import load_learner

    with stage("report"):
        table, origin = plan_scores(plan, store)
        pictures = draw_models(table, plan, store, load_learner, rank_by)
        page = write_summary(table, plan, store, pictures, origin)
    say(f"summary: {page}\npictures: {page.parent}")


def export(plan: Plan, store: Store) -> None:
    """Write the study's score table and its card where they can be taken from."""
    folder = store.export(plan.name)
    table = scores(plan.name, store.path)
    write_reference(table, plan, store, folder)
    say(f"export: {len(table):,} rows of {table['run'].nunique()} runs in {folder.path}")


def merge_table(settings: Settings) -> int:
    """Add an exported table to the reference table.

    Raises:
        ConfigError: no folder is given.
    """
    if settings["folder"] is None:
        raise ConfigError("merge what? give the folder of an exported table: python -m bench merge FOLDER")
    store = Store(settings["results_dir"], writable=True)
    added, equal = merge(TableFolder(Path(settings["folder"]).expanduser()), store)
    say(f"merge: {added:,} rows added, {equal:,} found equal, in {store.reference().path}")
    return 0


def closing(plan: Plan, store: Store, broken: Sequence[PluginError]) -> int:
    """Name every failure; the exit code."""
    faults = [("", "metric", str(fault)) for fault in broken]
    for run in plan.runs:
        folder = store.run(run.id)
        if folder.state() == "failed":
            faults.append((str(run), "train", read_json(folder.failed)["error"]))
        failed = [r for r in cell_records(folder).values() if "failed" in r]
        faults += [(str(run), r["metric"], r["failed"]) for r in failed]
    if faults:
        table = Table("run", "stage", "error", title=f"{len(faults)} failed; retry_failed=true tries again")
        for row in faults:
            table.add_row(*map(escape, row))
        results.print(table)
    return 1 if faults else 0


def status(plan: Plan, store: Store) -> int:
    """Count runs and scores of a study: done, failed, missing, for each model and data set."""
    wanted = cells(plan.metrics, plan.protocol)
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in plan.runs:
        folder = store.run(run.id)
        count = counts.setdefault(run.group, Counter())
        records = cell_records(folder)
        count[folder.state()] += 1
        count.update(f"cell {state(records.get(c.key))}" for c in wanted)
    table = Table("model", "data set", "trained", "failed", "missing", "scores", "skipped", "failed", "missing")
    table.title = f"{plan.title}: {len(plan.runs)} runs ({plan.budget})"
    columns = ("done", "failed", "missing", "cell done", "cell skipped", "cell failed", "cell missing")
    for (model, dataset), count in counts.items():
        table.add_row(model, dataset, *(str(count[c]) for c in columns))
    table.add_section()
    total = sum(counts.values(), Counter())
    table.add_row("all", "", *(str(total[c]) for c in columns))
    results.print(table)
    return 0


def data_sets(settings: Settings) -> int:
    """Fetch and verify the chosen data sets and draw a contact sheet of each; those that cannot be had are listed."""
    from bench.data.sheet import draw_sheet

    table = Table("data set", "images", "shape", "factors", "was", "now", "contact sheet")
    faults = []
    for name in settings["dataset"] if isinstance(settings["dataset"], list) else [settings["dataset"]]:
        card, before = data.card(name), data.state(name)
        sheet = None
        try:
            data.fetch(name)
            data.verify(name)
            sheet = Store(settings["results_dir"], writable=True).sheet(name)
            draw_sheet(data.load_data(name), sheet)
        except (data.DataError, StoreError) as fault:
            faults.append(str(fault))
        factors = ", ".join(f"{f} {n}" for f, n in zip(card.factor_names, card.factor_sizes, strict=True))
        shape = "x".join(map(str, card.image_shape))
        table.add_row(name, f"{card.num_images:,}", shape, factors, before, data.state(name), str(sheet or "none"))
    results.print(table)
    for told in faults:
        say(told)
    return 1 if faults else 0

"""What each stage of the command line does, from a composed configuration to an exit code."""

import dataclasses
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench import data, grid, registry
from bench.claims import claiming
from bench.closing import close
from bench.grid import ConfigError, Plan, Run
from bench.ledger import ledger, mend
from bench.pool import Pool, report
from bench.progress import Meter, results, say, stage
from bench.registry import PluginError
from bench.scoring import Cell, LostWeightsError, cell_records, cells, score_run, state
from bench.store import Store, StoreError
from bench.table import export, scores, write_plan

Settings = Mapping[str, Any]


def perform(settings: Settings, options: Mapping[str, Sequence[str]], words: Sequence[str] = ()) -> int:
    """Run one stage of a composed configuration.

    Args:
        settings: the configuration.
        options: shipped names of configuration groups, for `list`.
        words: the overrides of the command line, for `dry_run`.

    Returns:
        The exit code: 0, or 1 where some run or score failed.
    """
    name = settings["stage"]
    if name == "list":
        from bench.listing import list_names

        return list_names(settings["what"], options)
    if name == "data":
        return data_sets(settings)
    if name == "check":
        from bench.check import check_metrics

        return check_metrics(grid.metric_names(settings["metric"]), Store(settings["results_dir"], writable=True))
    if name == "question":
        from bench.question import answer

        return answer(settings["what"], grid.plan(settings), Store(settings["results_dir"], writable=True))
    if settings["codes"] is not None:
        return score_file(settings)
    plan, broken = _usable(grid.plan(settings), settings["metric"])
    store = Store(settings["results_dir"], writable=name != "status" and not settings["dry_run"])
    if name == "status":
        return status(plan, store)
    if settings["dry_run"]:
        return dry_run(name, plan, store, settings, words)
    write_plan(plan, store)
    try:
        absent = _work(name, plan, store, settings)
        return close(name, plan, store, [str(fault) for fault in broken], absent)
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


def _work(name: str, plan: Plan, store: Store, settings: Settings) -> dict[str, str]:
    """Do a stage; the data sets that cannot be had, and why."""
    absent: dict[str, str] = {}
    if name in ("run", "train", "score"):
        absent = _absent_data(plan)
        had = dataclasses.replace(plan, runs=tuple(r for r in plan.runs if r.dataset not in absent))
        mend(had.runs, store)
        with Pool(settings["processes"]) as pool:
            if name in ("run", "train"):
                train(had, store, pool, settings)
            if name in ("run", "score"):
                score(had, store, pool, settings)
    if name in ("run", "analyze"):
        analyze(plan, store)
    if name in ("run", "report"):
        make_report(plan, store)
    if name == "export":
        say("\n".join(map(str, export(plan.name, store))))
    return absent


def _absent_data(plan: Plan) -> dict[str, str]:
    """The data sets of a study that cannot be had, and where to get them: their runs are left out, the rest goes on."""
    absent = {}
    for dataset in dict.fromkeys(r.dataset for r in plan.runs):
        try:
            data.fetch(dataset)
        except data.DataError as fault:
            absent[dataset] = str(fault)
            say(f"{dataset} is left out: {fault}")
    return absent


def _untrained(plan: Plan, store: Store, settings: Settings) -> list[Run]:
    """What is to be trained: missing runs, and failed ones where that is asked for."""
    wanted = ("missing", "failed") if settings["retry_failed"] else ("missing",)
    found = store.listings()
    return [r for r in plan.runs if (found[r.id].state if r.id in found else "missing") in wanted]


def _unscored(plan: Plan, store: Store, settings: Settings) -> list[tuple[Run, list[Cell]]]:
    """Trained runs, each with the cells that it lacks."""
    again = ("missing", "failed") if settings["retry_failed"] else ("missing",)
    asked, known = {cell.key: cell for cell in cells(plan.metrics, plan.protocol)}, ledger(store)
    trained = [run for run in plan.runs if known.run(run) == "done"]
    todo = [(run, [cell for key, cell in asked.items() if known.cell(run, key) in again]) for run in trained]
    return [(run, lacking) for run, lacking in todo if lacking]


def train(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Train what is missing: on a GPU as fleets, on CPUs as one run a process."""
    todo = _untrained(plan, store, settings)
    if not todo:
        return say("train: nothing is missing")
    if settings["checkpoint"] is not None:
        return _adopt(todo[0], store, Path(settings["checkpoint"]))
    accelerator, logger = _accelerator(settings["device"]), settings["logger"]
    with Meter("train", sum(_steps(r) for r in todo), "steps", len(todo)) as meter:
        for _ in range(2):  # the second time those that were worked on elsewhere, where that was by one who died
            groups = _fleets(todo) if accelerator == "cuda" else [[run] for run in todo]
            tasks = [(group, store.path, accelerator, report, logger) for group in groups]
            if accelerator == "cuda":
                ended: Iterator[tuple[int, Any]] = (
                    (i, _train_task(*task[:3], meter.advance, logger)) for i, task in enumerate(tasks)
                )
            else:
                ended = pool.run(_train_task, tasks, meter.advance, killed=["KILLED"])
            todo = []
            for position, states in ended:
                for run, how in zip(groups[position], states, strict=True):
                    todo += [run] if how == "elsewhere" else []
                    meter.advance(0, str(run) if how == "done" else f"{how.upper()} {run}")


def score(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Compute the missing scores of trained runs."""
    todo = _unscored(plan, store, settings)
    if not todo:
        return say("score: nothing is missing")
    with Meter("score", sum(len(c) for _, c in todo), "scores") as meter:
        for _ in range(2):  # as in training
            tasks = [(run, missing, store.path) for run, missing in todo]
            later = []
            for position, failed in pool.run(_score_task, tasks, meter.advance, killed=["KILLED"]):
                run, missing = todo[position]
                if failed is None:
                    later.append(todo[position])
                else:
                    meter.advance(len(missing), f"FAILED {run}: {', '.join(failed)}" if failed else str(run))
            todo = later


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


def _score_task(run: Run, missing: list[Cell], path: Path) -> list[str] | None:
    """Score a run; the metrics that failed, or None where another process works on it."""
    from bench.training.train import load_learner

    folder = Store(path).run(run.id)
    with claiming([folder]) as (claim,):
        if claim is None:
            return None
        records = cell_records(folder)  # another process may have been here
        missing = [cell for cell in missing if state(records.get(cell.key)) in ("missing", "failed")]
        try:
            written = score_run(run, missing, Store(path), load_learner) if missing else []
        except LostWeightsError as fault:
            return [str(fault)]
    return [r["metric"] for r in written if "failed" in r]


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

    with stage("analyze"):
        for line in draw_all(scores(plan.name, store.path), plan, store.study(plan.name)):
            say(f"  {line}")


def make_report(plan: Plan, store: Store) -> None:
    """Draw pictures of trained models and write the one-page summary."""
    from bench.report.gradients import draw_gradients
    from bench.report.pictures import draw_models
    from bench.report.summary import write_summary
    from bench.training.train import load_learner

    with stage("report"):
        pictures = draw_models(plan, store, load_learner)
        draw_gradients(plan, store, load_learner)
        page = write_summary(scores(plan.name, store.path), plan, store, pictures)
    say(f"summary: {page}\npictures: {page.parent}")


def status(plan: Plan, store: Store) -> int:
    """Count runs and scores of a study: done, failed, missing, for each model and data set."""
    keys, known = [cell.key for cell in cells(plan.metrics, plan.protocol)], ledger(store)
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in plan.runs:
        count = counts.setdefault(run.group, Counter())
        count[known.run(run)] += 1
        count.update(f"cell {known.cell(run, key)}" for key in keys)
    table = Table("model", "data set", "trained", "failed", "missing", "scores", "skipped", "failed", "missing")
    table.title = f"{plan.title}: {len(plan.runs)} runs ({plan.budget})"
    columns = ("done", "failed", "missing", "cell done", "cell skipped", "cell failed", "cell missing")
    for (model, dataset), count in counts.items():
        table.add_row(model, dataset, *(str(count[c]) for c in columns))
    table.add_section()
    total = sum(counts.values(), Counter())
    table.add_row("all", "", *(str(total[c]) for c in columns))
    results.print(table)
    for damage in known.damaged:
        say(f"run {damage.run}: {damage.fault}")
    return 0


def dry_run(name: str, plan: Plan, store: Store, settings: Settings, words: Sequence[str]) -> int:
    """Show what a command would do, and do nothing."""
    from bench.dry_run import show_work

    untrained = _untrained(plan, store, settings) if name in ("run", "train") else []
    unscored = _unscored(plan, store, settings) if name in ("run", "score") else []
    if name == "run":
        unscored += [(run, cells(plan.metrics, plan.protocol)) for run in untrained]
    kept = [w for w in words if w.partition("=")[0] not in ("stage", "dry_run", "model", "dataset")]
    command = " ".join(["python -m bench", name, *map(shlex.quote, kept)])
    show_work(untrained, unscored, store, _accelerator(settings["device"]) == "cuda", command)
    for dataset in dict.fromkeys(run.dataset for run in untrained):
        if data.state(dataset) != "ready":
            say(f"{dataset} is {data.state(dataset)}: `python -m bench data dataset={dataset}` fetches it or says how")
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

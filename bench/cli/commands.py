"""What each stage of the command line does, from a composed configuration to an exit code."""

import dataclasses
import shlex
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import data
from bench.cli.absent_data import Images, absent_data, images_of, lost_data
from bench.cli.closing import close
from bench.cli.compare import compare_named
from bench.cli.status import status
from bench.cli.writing import store_to_write
from bench.launch.jobs import described, device_of, jobs_of
from bench.launch.local import (
    accelerator_of,
    job,
    missing_work,
    score,
    score_groups,
    train_and_score,
    unscored_cells,
    unscored_groups,
    untrained_runs,
)
from bench.pool import Pool
from bench.progress import say, show, stage
from bench.scoring.floors import make_floors
from bench.scoring.runs import Cell, cells
from bench.store.folders import Store
from bench.store.shipped import in_checkout, trained_dir
from bench.store.tables import TableFolder
from bench.study import grid
from bench.study.command import Settings, study_of
from bench.study.plan import Plan
from bench.study.record import extend
from bench.study.run import Run
from bench.table.ledger import mend
from bench.table.reference import merge, undo_merge, write_reference
from bench.table.scores import plan_scores
from bench.table.stored import export
from bench.training.catalogue import ship, shipped_among, take
from bench.values import ConfigError, counted, flag


def perform(settings: Settings, options: Mapping[str, Sequence[str]]) -> int:
    """Run one stage of a composed configuration.

    Args:
        settings: the configuration, and the `overrides` of the command line.
        options: shipped names of configuration groups, for `list`.

    Returns:
        The exit code: 0, or 1 where some run or score failed.
    """
    name = settings["stage"]
    if name == "list":
        from bench.cli.listing import list_names

        return list_names(settings["what"], options, Store(settings["results_dir"]))
    if name == "data":
        from bench.cli.data_sets import data_sets
        from bench.cli.own_data import own_data

        return data_sets(settings) if settings["what"] is None else own_data(settings)
    if name == "merge":
        return merge_table(settings)
    if name == "check":
        from bench.cli.check import check_metrics

        return check_metrics(grid.metric_names(settings["metric"]), Store(settings["results_dir"], writable=True))
    if name == "question" and settings["what"] is None:
        from bench.cli.question import list_questions

        return list_questions()
    if name == "claim":
        from bench.cli.claim import judge

        return judge(settings["claim"], settings["study"]["name"], Store(settings["results_dir"]))
    if name == "submit":
        from bench.cli.submit import submit

        return submit(settings)
    if name == "verify":
        from bench.cli.verify import verify

        return verify(settings)
    if name == "board":
        from bench.cli.board import board

        return board(settings)
    if settings["codes"] is not None:
        from bench.cli.score_file import score_file

        return score_file(settings)
    if name == "score" and settings["name"] is not None:
        raise ConfigError("name= is that of codes from a file: codes=FILE is missing")
    if settings["compare"] is not None or name == "compare":
        return compare_named(settings)
    if name == "watch":
        from bench.cli.watch import watch

        return watch(lambda: study_of(settings, Store(settings["results_dir"])).whole, Store(settings["results_dir"]))
    study = study_of(settings, Store(settings["results_dir"]))  # everything is checked before anything is written
    if name == "status":
        return status(study.whole, Store(settings["results_dir"]))
    chosen = settings["metric"] if "metric" in settings["given"] else "all"
    part, broken = grid.usable(study.part, chosen)
    if settings["dry_run"]:
        return dry_run(name, part, Store(settings["results_dir"]), settings, study.whole)
    if name == "ship":
        return ship_models(study.part, Store(settings["results_dir"]), settings["folder"])
    store = store_to_write(settings)
    whole = grid.usable(extend(study.whole, store) if store.writable else study.whole, "all")[0]
    if name == "question":
        from bench.cli.question import answer

        return answer(settings["what"], whole, store)
    if name == "choose":
        from bench.cli.choose import choose

        return choose(whole, store, settings["rank_by"])
    try:
        with Pool(settings["processes"]) as pool:
            outcome = _work(name, part, whole, store, pool, settings)
        # None: the jobs go on after this command
        return 0 if outcome is None else close(name, part, store, [str(fault) for fault in broken], *outcome, whole)
    finally:
        if settings["study"]["name"] is None and store.writable:
            command = store.command(f"report study={whole.name}")
            say(f"study: {whole.name} (the name of this grid: {command})")


def _work(
    name: str, part: Plan, whole: Plan, store: Store, pool: Pool, settings: Settings
) -> tuple[Mapping[Images, str], Mapping[str, str], Mapping[str, str]] | None:
    """Train and score the part of a study that a command is for; draw, report and export the whole study.

    Returns:
        Three mappings to reasons: of unavailable data sets, of runs whose job died and of pictures that failed. None:
        the jobs were submitted and nobody waits for them.
    """
    absent: dict[Images, str] = {}
    lost: Mapping[str, str] = {}
    undrawn: dict[str, str] = {}
    if name in ("run", "train", "score"):
        absent = absent_data(part)
        available = dataclasses.replace(part, runs=tuple(r for r in part.runs if images_of(r) not in absent))
        mend(available.runs, store)
        if shipped := take(untrained_runs(available, store, settings), store):
            say(f"{name}: the weights of {len(shipped):,} of the runs ship with the package and were taken")
        if _runs_locally(settings):
            train_and_score(name, available, store, pool, settings)
        elif (lost_jobs := _launch(name, available, store, settings)) is None:
            return None
        else:
            lost = lost_jobs
            if available.codes and name != "train":
                score(dataclasses.replace(available, runs=()), store, pool, settings)
        if name != "train":
            score_groups(available, whole, store, pool, settings)
    if name in ("run", "floors"):
        with stage("floors"):
            make_floors(whole, store, pool)
    if name in ("run", "analyze"):
        undrawn |= analyze(whole, store, pool)
    if name in ("run", "report"):
        undrawn |= make_report(whole, store, pool, settings)
    if name == "export":
        hand_on(whole, store)
    return absent, lost, undrawn


def _runs_locally(settings: Settings) -> bool:
    """Whether this process and its workers do the jobs, not a launcher."""
    return settings["launcher"]["name"] == "local" or settings["checkpoint"] is not None


def _launch(name: str, plan: Plan, store: Store, settings: Settings) -> dict[str, str] | None:
    from bench.launch.driver import Work, distribute

    return distribute(Work(name, plan, settings, store, lambda: missing_work(name, plan, store, settings), job))


def analyze(plan: Plan, store: Store, pool: Pool) -> dict[str, str]:
    """Draw every figure that the study's scores allow, and say why the others are not; returns name -> error."""
    from bench.report.drawings import tell
    from bench.report.figures import draw_all
    from bench.report.reproduction import draw_reproduction

    with stage("analyze"):
        table, origin = plan_scores(plan, store)
        if origin:
            say(f"  {origin}")
        folder = store.study(plan.name)
        failed = tell("figures", draw_all(table, plan, folder, pool))
        reproduced = draw_reproduction(table, plan, folder, pool)
        failed |= tell("figures beside published ones", reproduced, "reproduction.md")
    say(f"figures: {folder / 'figures'}\nbeside published numbers: {folder / 'reproduction.md'}")
    return failed


def make_report(plan: Plan, store: Store, pool: Pool, settings: Settings) -> dict[str, str]:
    """Draw pictures of trained models, write the summary and the leaderboard; returns name of a picture -> error."""
    from bench.report.drawings import tell
    from bench.report.gallery import embed
    from bench.report.gradients import draw_gradients
    from bench.report.leaderboard import write_leaderboard
    from bench.report.pictures import draw_models
    from bench.report.summary import write_summary

    with stage("report"):
        table, origin = plan_scores(plan, store)
        failed = tell("pictures of models", draw_models(table, plan, store, pool, settings["rank_by"]))
        failed |= tell("pictures of gradients", draw_gradients(plan, store, pool))
        failed |= {o.name: o.why for o in embed(store.study(plan.name), pool) if o.state == "failed"}
        page = write_summary(table, plan, store, origin)
        overrides = _overrides(settings, "results_dir", "open", "processes", "device")
        board = write_leaderboard(table, plan, store, overrides, settings["rank_set"], settings["level"])
    say(f"summary: {page}\npictures: {page.parent}\nleaderboard: {board}")
    if settings["open"] and not webbrowser.open(board.as_uri()):
        say("there is no browser to show it in")
    return failed


def _overrides(settings: Settings, *others: str) -> list[str]:
    """The words of the command line, without the stage and the keys in `others`."""
    return [w for w in settings["overrides"] if w.partition("=")[0] not in ("stage", *others)]


def hand_on(plan: Plan, store: Store) -> None:
    """Write the study's score table as parquet and csv, and as an exported folder with its card."""
    table, folder = plan_scores(plan, store)[0], store.export(plan.name)
    write_reference(table, plan, store, folder)
    say("\n".join(map(str, export(table, store.study(plan.name)))))
    say(f"export: {counted(len(table), 'row')} of {counted(table['run'].nunique(), 'run')} in {folder.path}")


def ship_models(plan: Plan, store: Store, folder: str | None) -> int:
    """Add the finished runs of a study to a catalogue of trained models.

    Raises:
        ConfigError: there is neither a checkout to add them to nor a folder.
    """
    if folder is None and not in_checkout():
        raise ConfigError("ship adds to results/trained of a checkout, and there is none: give folder=DIR")
    added = ship(plan.runs, store, trained_dir() if folder is None else Path(folder).expanduser())
    for entry in added:
        say(f"  {entry}: {entry.path}")
    say(f"ship: {counted(len(added), 'model')} added, of {counted(len(plan.runs), 'run')}")
    return 0


def merge_table(settings: Settings) -> int:
    """Add an exported table to the reference table, or undo the last merge.

    Raises:
        ConfigError: `folder` and `undo` are both given, or neither.
    """
    if (settings["folder"] is None) != settings["undo"]:
        raise ConfigError(
            "merge takes one thing: the folder of an exported table, python -m bench merge FOLDER, or --undo, which "
            "takes the last one back"
        )
    store = Store(settings["results_dir"], writable=True)
    if settings["undo"]:
        say(f"merge: {undo_merge(store)}")
        return 0
    done = merge(TableFolder(Path(settings["folder"]).expanduser()), store, flag("replace", settings["replace"]))
    if done.removed:
        say(f"merge: removed {counted(done.removed, 'row')} of the studies that were replaced")
    say(f"merge: {counted(done.added, 'row')} added, {done.equal:,} found equal, in {store.reference().path}")
    if done.superseded:
        say(f"merge: {counted(done.superseded, 'score')} of groups of runs gave way to those of larger groups")
    if done.unverified:
        unproven = counted(done.unverified, "run")
        say(f"merge: nothing proves the ids of {unproven}: their table has no identities.json.gz of them")
    return 0


def dry_run(name: str, plan: Plan, store: Store, settings: Settings, whole: Plan | None = None) -> int:
    """Print what a command would do for a plan, which may be part of a whole study; nothing is done."""
    from bench.cli.dry_run import show_work

    lost = lost_data(plan)
    plan = dataclasses.replace(plan, runs=tuple(run for run in plan.runs if images_of(run) not in lost))
    lacking = untrained_runs(plan, store, settings) if name in ("run", "train", "score") else []
    shipped = {entry.run for entry in shipped_among(lacking)}
    untrained = [run for run in lacking if run.id not in shipped and name != "score"]
    unscored = unscored_cells(plan, store, settings) if name in ("run", "score") else []
    to_score = lacking if name == "run" else [run for run in lacking if name == "score" and run.id in shipped]
    missing = [*untrained, *(run for run, _ in unscored if isinstance(run, Run))]
    missing += [run for run in to_score if run.id in shipped]
    all_cells = cells(plan.metrics, plan.protocol)
    unscored += [(run, all_cells) for run in to_score]
    groups = unscored_groups(plan, whole or plan, store, settings, to_score) if name in ("run", "score") else []
    unscored += [(member, list[Cell](missing_cells)) for group, missing_cells in groups for member in group]
    if shipped:
        say(f"the weights of {len(shipped):,} of the runs ship with the package and are taken")
    launcher, local = settings["launcher"], _runs_locally(settings)
    on_gpu = (accelerator_of(settings["device"]) if local else device_of(settings)) == "cuda"
    jobs = jobs_of(missing, {} if local else launcher, on_gpu)
    show_work(
        untrained, unscored, jobs, store, plan.protocol.name, f"To do, {described(jobs, launcher['name'], on_gpu)}"
    )
    left_out = ["dry_run", *(("model", "dataset") if local else ())]
    command = " ".join(["python -m bench", name, *map(shlex.quote, _overrides(settings, *left_out))])
    groups_of_runs = dict.fromkeys(run.group for run in [*missing, *(group[0] for group, _ in groups)])
    for line in [f"{command} model={m} dataset={d}" for m, d in groups_of_runs] if local else [command]:
        show(line)
    for dataset in dict.fromkeys(run.dataset for run in untrained):
        if data.state(dataset) != "ready":
            say(f"{dataset} is {data.state(dataset)}: `python -m bench data dataset={dataset}` fetches it or says how")
    return 0

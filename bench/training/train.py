"""The training stage: trains runs and writes weights, losses and `done.json` into their folders."""

import platform
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from bench import registry
from bench.data import card, load_data
from bench.data.base import DataError, DataSet
from bench.data.pooled import at_size
from bench.data.reader import DeviceImages, images_on
from bench.data.sampling import sampled
from bench.models.base import Fitted, Learner, ModelError, State
from bench.models.parts.paired_vae import PairedVAE
from bench.models.parts.stacked import Stacked
from bench.progress import say
from bench.store.claims import Claim, claiming
from bench.store.files import StoreError, remove, write_arrays, write_json
from bench.store.folders import RunFolder, Store
from bench.store.shipped import revision
from bench.store.weights import read_weights, write_done
from bench.study.run import Run, Schedule
from bench.training.batches import Batches
from bench.training.files import read_checkpoint, write_checkpoint, write_losses
from bench.training.fleet import MACRO_STEPS, EveryMacroStep, Fleet, fit
from bench.training.loggers import LoggerError, LoggerSetting
from bench.training.stack import Progress, Stack, set_precision
from bench.training.way import way_of

Report = Callable[[float, str], None]
CSV = LoggerSetting()
NOT_OF_RUNS = (StoreError, DataError, LoggerError)  # faults of the disk, the data and the settings
NOT_TRAINED = "its weights are those of a file: give checkpoint=FILE with its grid, and retry_failed=true"
PACKAGES = ("torch", "pytorch-lightning", "numpy", "scikit-learn")


class DivergedError(ArithmeticError):
    """A loss of a run, or a final weight, was not finite; the message names the step."""


def train(
    runs: Sequence[Run], store: Store, accelerator: str, report: Report, logger: LoggerSetting = CSV
) -> list[str]:
    """Train runs of one group as one fleet, except runs that are done or that another process trains.

    A failed run leaves a record of its failure; the other runs continue.

    Args:
        runs: runs that share model, data set and schedule.
        store: of their folders.
        accelerator: "cpu" or "cuda".
        report: called with the steps done since the last call, and the highest loss of a member, in words.
        logger: of loss curves, beside losses.csv.

    Returns:
        The state of each run: "done", "failed", or "elsewhere" if another process trains it.

    Raises:
        StoreError: a file cannot be written; the previous file is intact.
        DataError: the data set is not available.
    """
    with claiming([store.run(r.id) for r in runs]) as claims:
        claimed = [(r, c) for r, c in zip(runs, claims, strict=True) if c is not None and c.folder.state() != "done"]
        for run, claim in ((r, c) for r, c in claimed if r.checkpoint is not None):
            write_json(claim.folder.config, run.record())
            _conclude(claim.folder, ModelError(NOT_TRAINED), {})
        if claimed := [(r, c) for r, c in claimed if r.checkpoint is None]:
            _train_claimed(claimed, accelerator, report, logger)
        return ["elsewhere" if claim is None or not claim.holds() else claim.folder.state() for claim in claims]


def _train_claimed(
    claimed: Sequence[tuple[Run, Claim]], accelerator: str, report: Report, logger: LoggerSetting
) -> None:
    runs, claims = zip(*claimed, strict=True)
    for run, claim in claimed:
        remove(claim.folder.failed)
        write_json(claim.folder.config, run.record())
    started = time.monotonic()
    try:
        if runs[0].fitted:
            faults = [_fit(run, claim.folder, report) for run, claim in claimed]
        else:
            faults = _train(runs, claims, accelerator, report, logger)
    except NOT_OF_RUNS:
        raise
    except Exception as fault:
        faults = [fault] * len(runs)
    seconds = time.monotonic() - started
    for (_, claim), raised in zip(claimed, faults, strict=True):
        if claim.holds():
            _conclude(claim.folder, raised, {"device": _device(accelerator), "seconds": seconds, "fleet": len(claimed)})


def new_learner(runs: Sequence[Run], convolution: str = "grouped") -> Learner:
    """The untrained learner of runs of one group: stacked if the model is trained by gradient steps.

    Args:
        runs: of one group.
        convolution: how convolutions are computed, a name of `bench.networks.parts.convolutions`.
    """
    run = runs[0]
    cls = registry.load("models", run.model)
    schedule = run.schedule
    shape = (schedule.image_size, schedule.image_size, card(run.dataset).image_shape[2])
    if run.fitted:
        return cls(shape, **run.hyper)
    seeds, hyper = [r.seed for r in runs], [r.hyper for r in runs]
    chosen = {"pairs": run.pairs, "categorical": card(run.dataset).without_order} if issubclass(cls, PairedVAE) else {}
    return cls(shape, schedule.architecture, schedule.latent_dim, seeds, hyper, convolution, **chosen)


def training_images(run: Run) -> DataSet:
    """The images of a run at its size, with its sampling; every image of the data set can be read.

    Raises:
        DataError: the data set is not available.
    """
    return sampled(at_size(load_data(run.dataset), run.schedule.image_size), run.sampling)


def load_learner(run: Run, folder: RunFolder) -> Learner:
    """The trained learner of a finished run, read from its weights on any machine: one model on a CPU.

    Raises:
        StoreError: the file of weights cannot be read, or holds other weights than those that were trained.
        ModelError: its weights are those of another architecture; the message names the file.
    """
    weights = read_weights(folder)
    try:
        return learner_of(run, weights)
    except ModelError as fault:
        raise ModelError(f"{folder.weights}: {fault}; to train the run anew, remove {folder.done}") from fault


def learner_of(run: Run, weights: State) -> Learner:
    """The learner of a run with these weights: one model on a CPU."""
    learner = new_learner([run])
    learner.load(weights)
    return learner


def _fit(run: Run, folder: RunFolder, report: Report) -> Exception | None:
    """Fit a learner that takes no steps; returns what went wrong."""
    learner = new_learner([run])
    assert isinstance(learner, Fitted)
    try:
        learner.fit(training_images(run), run.seed)
    except NOT_OF_RUNS:
        raise
    except Exception as fault:
        return fault
    finally:
        report(1, str(run))
    write_arrays(folder.weights, learner.state())
    return None


def _train(
    runs: Sequence[Run],
    claims: Sequence[Claim],
    accelerator: str,
    report: Report,
    logger: LoggerSetting,
) -> list[Exception | None]:
    """Train runs in fleets of at most `schedule.fleet` members, which are at the same step with as many records."""
    import torch

    schedule = runs[0].schedule
    torch.set_num_threads(schedule.threads)
    if accelerator == "cuda":
        set_precision(schedule.precision)
    faults: dict[Run, Exception | None] = {}
    by_progress: dict[tuple[int, int], list[Member]] = {}
    for run, claim in zip(runs, claims, strict=True):
        progress = _saved_progress(run, claim)
        place = (0, 0) if progress is None else (progress.step, len(progress.arrays["losses"]))
        by_progress.setdefault(place, []).append((run, claim, progress))
    for _, members in sorted(by_progress.items()):
        for start in range(0, len(members), schedule.fleet):
            faults |= _train_fleet(members[start : start + schedule.fleet], accelerator, report, logger)
    return [faults[run] for run in runs]


Member = tuple[Run, Claim, Progress | None]


def _saved_progress(run: Run, claim: Claim) -> Progress | None:
    """The progress of an interrupted run; a checkpoint that it cannot go on from is set aside, and it starts again."""
    import torch

    folder = claim.folder
    if not folder.checkpoint.exists():
        return None
    try:
        progress = read_checkpoint(folder.checkpoint, run.schedule.steps)
        _stack([(run, claim, progress)], images_on(torch.device("cpu"), training_images(run)), False, "grouped")
    except (StoreError, ModelError) as fault:
        aside = folder.set_aside(folder.checkpoint)
        say(f"{run}: cannot go on from {folder.checkpoint}: {fault}; kept as {aside.name}, training starts again")
        return None
    return progress


def _train_fleet(
    members: Sequence[Member], accelerator: str, report: Report, logger: LoggerSetting
) -> dict[Run, Exception | None]:
    import torch

    done = 0.0

    def counted(steps: float, note: str) -> None:
        nonlocal done
        done += steps
        report(steps, note)

    try:
        return _train_together(members, accelerator, counted, logger)
    except torch.OutOfMemoryError as fault:
        if len(members) == 1:
            return {members[0][0]: fault}
    except NOT_OF_RUNS:
        raise
    except Exception as fault:  # of these members alone: others of the job may have ended well
        return dict.fromkeys((run for run, *_ in members), fault)
    say(f"{len(members)} models of {members[0][0].model} do not fit the device's memory: training them in halves")
    report(-done, "")
    if accelerator == "cuda":
        torch.cuda.empty_cache()
    half = len(members) // 2
    first, second = (_train_fleet(m, accelerator, report, logger) for m in (members[:half], members[half:]))
    return first | second


def _train_together(
    members: Sequence[Member], accelerator: str, report: Report, logger: LoggerSetting
) -> dict[Run, Exception | None]:
    import torch

    runs, claims, _ = zip(*members, strict=True)
    folders = [claim.folder for claim in claims]
    schedule: Schedule = runs[0].schedule
    source = images_on(torch.device(accelerator), training_images(runs[0]))
    compiled = schedule.compile and accelerator == "cuda" and source.on_device
    if compiled:
        torch.compiler.reset()  # compilations for earlier fleets count against a limit
    convolution, size = way_of(schedule, accelerator, registry.load("models", runs[0].model).second_order)
    parts = [members[i : i + size] for i in range(0, len(members), size)]
    fleet = Fleet([_stack(part, source, compiled, convolution) for part in parts], schedule.log_every)
    started = [logger.start(run, folder) for run, folder in zip(runs, folders, strict=True)]
    loggers = [run_logger for run_logger in started if run_logger is not None]

    def save(k: int, progress: Progress) -> None:
        if claims[k].holds():  # else the process that took the run over has perhaps finished it
            write_checkpoint(folders[k].checkpoint, progress)

    callback = EveryMacroStep(schedule.checkpoint_every, save, _reporter(report, runs, fleet), loggers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and logging does not apply to macro-steps
        macro_step = min(MACRO_STEPS[accelerator], schedule.checkpoint_every)
        fit(fleet, schedule.steps, accelerator, callback, macro_step)
    for run_logger in loggers:
        run_logger.finalize("success")
    losses = fleet.losses()
    faults: dict[Run, Exception | None] = {
        run: DivergedError(f"a loss of {run} was not finite at step {step}") if step >= 0 else None
        for run, step in zip(runs, fleet.failed, strict=True)
    }
    for k in (k for k in map(int, np.flatnonzero(fleet.failed < 0)) if claims[k].holds()):
        weights = fleet.state(k)
        if all(np.isfinite(array).all() for array in weights.values()):
            write_arrays(folders[k].weights, weights)
            write_losses(folders[k].losses, fleet.columns, losses[:, k])
        else:  # the last update diverged, and no loss was computed after it
            faults[runs[k]] = DivergedError(f"the weights of {runs[k]} were not finite after step {fleet.step}")
    return faults


def _stack(members: Sequence[Member], source: DeviceImages, compiled: bool, convolution: str) -> Stack:
    """Runs as one stacked module that continues from their saved progress."""
    runs = [run for run, _, _ in members]
    schedule = runs[0].schedule
    model = new_learner(runs, convolution)
    assert isinstance(model, Stacked)
    batches = Batches(source, model, [r.seed for r in runs], schedule.batch_size)
    stack = Stack(model.to(source.device), batches, schedule.learning_rate, schedule.precision, compiled)
    saved = [progress for _, _, progress in members if progress is not None]
    if saved:
        stack.resume(saved)
    return stack


def _reporter(report: Report, runs: Sequence[Run], fleet: Fleet) -> Callable[[int, np.ndarray], None]:
    """A callback of a fleet that reports the model-steps done since its last call, and the highest loss."""
    last = fleet.step
    report(last * len(runs), "")

    def report_progress(step: int, losses: np.ndarray) -> None:
        nonlocal last
        latest = np.where(fleet.failed < 0, losses[-1, :, 1], -np.inf)
        worst = int(latest.argmax())
        report((step - last) * len(runs), f"highest loss {latest[worst]:.1f}: {runs[worst]}")
        last = step

    return report_progress


def _conclude(folder: RunFolder, fault: Exception | None, cost: dict[str, Any]) -> None:
    if fault is None:
        write_done(folder, provenance() | cost | {"seconds": round(cost["seconds"], 2)})
        remove(folder.checkpoint)
    else:
        trace = "".join(traceback.format_exception(fault))
        write_json(folder.failed, {"error": f"{type(fault).__name__}: {fault}", "traceback": trace})


def provenance() -> dict[str, Any]:
    """The provenance of a result: versions of packages, and the revision of the checkout, if any."""
    import bench

    packages = {p: version(p) for p in PACKAGES} | {"python": platform.python_version(), "bench": bench.__version__}
    return {"versions": packages, "revision": revision()}


def _device(accelerator: str) -> str:
    if accelerator == "cpu":
        return f"cpu ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name()

"""Completes the settings that Hydra composed: plain text, values that other words imply, and checks."""

import itertools
import os
from collections.abc import Mapping
from typing import Any

from bench import data
from bench.cli import keys
from bench.cli.completion import WITH_DATA, questions
from bench.cli.execution import check_board, check_execution, check_score
from bench.cli.words import Command, Word
from bench.store.folders import Store
from bench.study import grid
from bench.study.command import AXES, axes
from bench.values import ConfigError, check_name, one_of, text

IN_EARNEST = ("merge", "check", "compare", "submit", "verify", "board")  # stages that do their work whatever is asked


def left_open(command: Command) -> list[Word]:
    """Words that fill the axes that a command for a stored study leaves open, with the study's own values.

    Raises:
        StoreError: the record of the study cannot be read.
    """
    texts, values = command.text(), command.values
    if "study.name" not in texts or values.get("study") in keys.options("study", command.folders):
        return []
    if "codes" in values or not any(key in AXES or key.startswith("sampling.") for key in values):
        return []
    folder = texts.get("results_dir")
    values_of_axes = axes(Store(str(folder) if folder else None), str(texts["study.name"]))
    fixed = {*values, *(("strength_of",) if "strength" in values else ())}
    fixed |= {"sampling.each"} if any(key.partition(".")[0] == "sampling" for key in values) else set()
    return [Word("", key, _literal(value)) for key, value in values_of_axes.items() if key not in fixed]


def _literal(value: Any) -> str:
    """A value in the grammar of the command line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_literal(inner)}" for key, inner in value.items()) + "}"
    return f"[{','.join(map(_literal, value))}]" if isinstance(value, list) else str(value)


def settle(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """Complete the settings of one command in place.

    Args:
        settings: as Hydra composed them.
        command: the command line.
        chosen: a word that Hydra read -> the word with the value of this command (with -m, one of several).

    Raises:
        ConfigError: a value of the wrong type or out of range.
        UnknownNameError: no such device, score or question; the message offers the nearest.
    """
    _set_text(settings, command)
    _set_implied(settings, command)
    _keep_words(settings, command, chosen)
    check_execution(settings)
    _check_dry_run(settings)
    if settings["study"]["name"] is not None:
        check_name("study.name", settings["study"]["name"])
    if text("rank_by", settings["rank_by"]) != "mig":  # the default needs no import of metrics
        check_score(settings["rank_by"])
    check_board(settings["rank_set"], settings["level"])
    if command.stage == "question" and settings["what"] is not None:
        one_of("question", settings["what"], questions())
    if command.stage == "data" and settings["what"] is not None:
        one_of("thing to do with data", settings["what"], WITH_DATA)
    _check_store(settings)


def _set_text(settings: dict[str, Any], command: Command) -> None:
    for key, value in command.text().items():
        *parents, last = key.split(".")
        mapping = settings
        for name in parents:
            mapping = mapping[name]
        mapping[last] = value


def _set_implied(settings: dict[str, Any], command: Command) -> None:
    settings["stage"] = command.stage
    settings["dry_run"] = settings["dry_run"] or "--dry-run" in command.flags
    settings["open"] = settings["open"] or "--open" in command.flags
    settings["undo"] = settings["undo"] or "--undo" in command.flags
    if "strength" in command.values and "strength_of" not in command.values:
        settings["strength_of"] = None  # strengths on the command line hold for every model
    if "trainer.image_size" in command.values and "trainer.sized_by_data" not in command.values:
        settings["trainer"]["sized_by_data"] = False  # a size on the command line holds for every data set
    if any(key.partition(".")[0] == "sampling" for key in command.values) and "sampling.each" not in command.values:
        settings["sampling"]["each"] = None  # a sampling on the command line replaces a study's list
    if command.stage == "data":
        settings["dataset"] = grid.datasets_of(settings["dataset"] if "dataset" in command.values else data.names())
    if settings["codes"] is not None:
        settings["dataset"] = settings["dataset"] if "dataset" in command.values else data.CUSTOM
        requested = settings["seed"] if "seed" in command.values else 0  # the seeds of their study do not apply
        seeds = itertools.chain.from_iterable(grid.spans_of(requested))
        settings["seed"] = list(itertools.islice(seeds, 2))  # two suffice to refuse more than one


def _keep_words(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """Store the words of this command as they were written, and whether they name a shipped study."""
    written = [chosen.get(word, word) for word in command.words]
    if command.multirun and not {"study", "study.name"} & command.values.keys():
        written.append(Word(f"study.name={command.common_name()}", "study.name", command.common_name()))
    settings["overrides"] = [word.raw for word in written]
    settings["given"] = {word.key: word.value for word in written if not word.removes}
    settings["studies"] = [name for name in keys.options("study", command.folders) if name != "custom"]
    settings["shipped"] = settings["given"].get("study") in settings["studies"]


def _check_dry_run(settings: Mapping[str, Any]) -> None:
    """Refuse a dry run of what would be done all the same."""
    stage, what, of_codes = settings["stage"], settings["what"], settings["codes"] is not None
    in_earnest = stage in IN_EARNEST or of_codes or settings["compare"] is not None
    if settings["dry_run"] and (in_earnest or (stage == "data" and what in (None, "remove"))):
        named = f"data {what}" if stage == "data" and what else stage
        raise ConfigError(
            "--dry-run goes with run, train and score of the runs of a study and with data add, not with "
            f"{named}{' of codes=FILE' if of_codes else ''}"
        )


def _check_store(settings: Mapping[str, Any]) -> None:
    """Refuse a store that exists and cannot be accessed; one that does not exist is made later."""
    try:
        os.stat(settings["results_dir"] or os.curdir)
    except FileNotFoundError:
        pass
    except OSError as fault:
        raise ConfigError(f"results_dir={settings['results_dir']} cannot be used: {fault.strerror}") from fault

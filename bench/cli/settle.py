"""From what Hydra composed to the settings of a command: text, what the words imply, and what they must not be."""

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
from bench.study import grid, record
from bench.values import ConfigError, check_name, one_of, text


def left_open(command: Command) -> list[Word]:
    """What a grid leaves open that is added to a study: the words that make it as it is in the study.

    Raises:
        StoreError: the record of the study cannot be read.
    """
    named, given = command.text(), command.given
    if "study.name" not in named or given.get("study") in keys.options("study", command.folders):
        return []
    if "codes" in given or not any(key in record.AXES or key.startswith("sampling.") for key in given):
        return []
    folder = named.get("results_dir")
    axes = record.axes(Store(str(folder) if folder else None), str(named["study.name"]))
    fixed = {*given, *(("strength_of",) if "strength" in given else ())}
    fixed |= {"sampling.each"} if any(key.partition(".")[0] == "sampling" for key in given) else set()
    return [Word("", key, _literal(value)) for key, value in axes.items() if key not in fixed]


def _literal(value: Any) -> str:
    """A value as the grammar of the command line has it."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_literal(inner)}" for key, inner in value.items()) + "}"
    return f"[{','.join(map(_literal, value))}]" if isinstance(value, list) else str(value)


def settle(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """Complete the settings of one command in place.

    Args:
        settings: what Hydra composed.
        command: what was asked for.
        chosen: of the words that Hydra read, those that this command has in their place.

    Raises:
        ConfigError: a value of the wrong type or out of range.
        UnknownNameError: no such device, score or question; the message offers the nearest.
    """
    _set_text(settings, command)
    _set_implied(settings, command)
    _keep_words(settings, command, chosen)
    check_execution(settings)
    if settings["study"]["name"] is not None:
        check_name("study.name", settings["study"]["name"])
    if text("rank_by", settings["rank_by"]) != "mig":  # for which no metric has to be imported
        check_score(settings["rank_by"])
    check_board(settings["rank_set"], settings["level"])
    if command.stage == "question" and settings["what"] is not None:
        one_of("question", settings["what"], questions())
    if command.stage == "data" and settings["what"] is not None:
        one_of("thing to do with data", settings["what"], WITH_DATA)
    _check_store(settings)


def _set_text(settings: dict[str, Any], command: Command) -> None:
    for key, value in command.text().items():
        *above, last = key.split(".")
        place = settings
        for name in above:
            place = place[name]
        place[last] = value


def _set_implied(settings: dict[str, Any], command: Command) -> None:
    settings["stage"] = command.stage
    settings["dry_run"] = settings["dry_run"] or "--dry-run" in command.flags
    settings["open"] = settings["open"] or "--open" in command.flags
    settings["undo"] = settings["undo"] or "--undo" in command.flags
    if "strength" in command.given and "strength_of" not in command.given:
        settings["strength_of"] = None  # what is asked for on the command line is asked of every model
    if "trainer.image_size" in command.given and "trainer.sized_by_data" not in command.given:
        settings["trainer"]["sized_by_data"] = False  # what is asked for is asked of every data set
    if any(key.partition(".")[0] == "sampling" for key in command.given) and "sampling.each" not in command.given:
        settings["sampling"]["each"] = None  # what is asked for on the command line, in the place of a study's list
    if command.stage == "data":
        settings["dataset"] = grid.datasets_of(settings["dataset"] if "dataset" in command.given else data.names())
    if settings["codes"] is not None:
        settings["dataset"] = settings["dataset"] if "dataset" in command.given else data.CUSTOM
        asked = settings["seed"] if "seed" in command.given else 0  # not that of the study they are to be in
        seeds = itertools.chain.from_iterable(grid.spans_of(asked))
        settings["seed"] = list(itertools.islice(seeds, 2))  # two are one too many


def _keep_words(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """The words as they were written, with -m those of this command, which can be shown again; what study they name."""
    written = [chosen.get(word, word) for word in command.words]
    if command.multirun and not {"study", "study.name"} & command.given.keys():
        written.append(Word(f"study.name={command.common_name()}", "study.name", command.common_name()))
    settings["overrides"] = [word.raw for word in written]
    settings["given"] = {word.key: word.value for word in written if not word.taken_away}
    settings["studies"] = [name for name in keys.options("study", command.folders) if name != "custom"]
    settings["shipped"] = settings["given"].get("study") in settings["studies"]


def _check_store(settings: Mapping[str, Any]) -> None:
    """A store that is there can be looked at; one that is not there yet is made later."""
    try:
        os.stat(settings["results_dir"] or os.curdir)
    except FileNotFoundError:
        pass
    except OSError as fault:
        raise ConfigError(f"results_dir={settings['results_dir']} cannot be used: {fault.strerror}") from fault

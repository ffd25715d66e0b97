"""From what Hydra composed to the settings of a command: text, what the words imply, and what they must not be."""

import itertools
import os
from collections.abc import Mapping
from typing import Any

from bench import data, grid
from bench.cli import keys
from bench.cli.completion import questions
from bench.cli.words import Command, Word
from bench.execution import check_execution, check_score
from bench.registry import unknown
from bench.store import Store
from bench.values import ConfigError, check_name, one_of, text

GRID = {"model", "strength", "strength_of", "seed", "dataset", "trainer", "scoring", "metric", "codes"}


def settle(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """Complete the settings of one command in place.

    Args:
        settings: what Hydra composed.
        command: what was asked for.
        chosen: of the words that Hydra read, those that this command has in their place.

    Raises:
        ConfigError: a value of the wrong type or out of range.
        UnknownNameError: no such device, score, question or study; the message offers the nearest.
    """
    _set_text(settings, command)
    _set_implied(settings, command)
    _keep_words(settings, command, chosen)
    check_execution(settings)
    check_name("study.name", settings["study"]["name"])
    if text("rank_by", settings["rank_by"]) != "mig":  # for which no metric has to be imported
        check_score(settings["rank_by"])
    if command.stage == "question" and settings["what"] is not None:
        one_of("question", settings["what"], questions())
    _check_store(settings)
    _check_study(settings, command)


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
    if "strength" in command.given and "strength_of" not in command.given:
        settings["strength_of"] = None  # what is asked for on the command line is asked of every model
    if command.stage == "data":
        settings["dataset"] = grid.datasets_of(settings["dataset"] if "dataset" in command.given else data.names())
    if settings["codes"] is not None:
        settings["dataset"] = settings["dataset"] if "dataset" in command.given else data.CUSTOM
        seeds = itertools.chain.from_iterable(grid.spans_of(settings["seed"]))
        settings["seed"] = list(itertools.islice(seeds, 2))  # two are one too many


def _keep_words(settings: dict[str, Any], command: Command, chosen: Mapping[Word, Word]) -> None:
    """The words as they were written, with -m those of this command, which can be shown again."""
    written = [chosen.get(word, word) for word in command.words]
    if command.multirun and not {"study", "study.name"} & command.given.keys():
        written.append(Word(f"study.name={command.common_name()}", "study.name", command.common_name()))
    settings["overrides"] = [word.raw for word in written]
    settings["given"] = {word.key: word.value for word in written if not word.taken_away}


def _check_store(settings: Mapping[str, Any]) -> None:
    """A store that is there can be looked at; one that is not there yet is made later."""
    try:
        os.stat(settings["results_dir"] or os.curdir)
    except FileNotFoundError:
        pass
    except OSError as fault:
        raise ConfigError(f"results_dir={settings['results_dir']} cannot be used: {fault.strerror}") from fault


def _check_study(settings: dict[str, Any], command: Command) -> None:
    """A study that is named without a grid is one that is shipped or was started in the store."""
    given = settings["given"]
    if "study" not in given or GRID & {key.partition(".")[0] for key in given}:
        return
    known = [*keys.options("study", command.folders), *Store(settings["results_dir"]).studies()]
    if settings["study"]["name"] not in known and given["study"] not in known:
        raise unknown("study", given["study"], known)

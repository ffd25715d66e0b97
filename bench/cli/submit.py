"""`submit codes=FILE name=NAME dataset=NAME` or `submit study=NAME`: a folder of scores for the public board."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import data
from bench.cli.score_file import score_codes, single
from bench.progress import say
from bench.registry import unknown
from bench.scoring import foreign
from bench.store.files import sha256_of, write_json
from bench.store.folders import Store
from bench.store.record_types import is_line
from bench.store.tables import TableFolder
from bench.study.grid import UNCOUNTED
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of, shipped_protocols
from bench.study.record import study_of
from bench.table.reference import write_reference
from bench.table.scores import plan_scores
from bench.table.submission import CODES, FORMAT, MEND, RECORD, check_free, today, write_half
from bench.table.verification import name_taken
from bench.values import ConfigError, check_name, flag, text

Settings = Mapping[str, Any]
TOLD = ("contact", "paper", "code")
PRIVATE = ("folder", "results_dir", "codes", "processes", "device")  # words that say where things lie on this machine
FORM = "it must be one printable line of at most 300 letters without < and >, which does not start with = + - or @"


def submit(settings: Settings) -> int:
    """Write a submission; the exit code is 1 where a metric failed.

    Raises:
        ConfigError: what is asked for cannot stand on the board; the message names the key.
        StoreError: a file cannot be read or written.
    """
    for key in TOLD:
        if settings[key] is not None and not (settings[key] and is_line(text(key, settings[key]))):
            raise ConfigError(f"{key}={settings[key]!r}: {FORM}")
    of_codes = settings["codes"] is not None
    if of_codes == (settings["study"]["name"] is not None):
        raise ConfigError("submit takes codes=FILE name=NAME dataset=NAME, or study=NAME")
    name = settings["name"] or (None if of_codes else settings["study"]["name"])
    if name is None:
        raise ConfigError("codes=FILE needs a name to be listed under: name=NAME")
    check_name("name", name)
    store = Store(settings["results_dir"])
    if of := name_taken(name, store):
        raise ConfigError(f"name={name} is that of {of}: choose another")
    path = Path(settings["folder"] or f"submission-{name}").expanduser()
    check_free(path, name)
    if of_codes:
        return _submit_codes(name, path, settings)
    if flag("with_codes", settings["with_codes"]):
        raise ConfigError("with_codes goes with codes=FILE: a study hands on its scores alone")
    plan = study_of(settings, store).whole
    _check_members(plan)
    _write(plan, store, name, path, settings)
    return 0


def _submit_codes(name: str, path: Path, settings: Settings) -> int:
    """Score codes, in half precision if they are handed on, and write their submission."""
    if (dataset := single(settings, "dataset")) == data.CUSTOM:
        raise ConfigError("the board compares codes of one data set: say of which these are with dataset=NAME")
    if dataset not in data.given():
        raise unknown("data set of the suite", dataset, data.given())
    _check_protocol(protocol_of(settings["scoring"]))
    file, results_dir = Path(str(settings["codes"])).expanduser(), settings["results_dir"]
    given = foreign.read(file, name, dataset, single(settings, "seed"))
    if flag("with_codes", settings["with_codes"]):
        file = path / CODES
        write_half(file, given.codes.mean, given.factors, given.codes.logvar)
        results_dir = Store(results_dir).submitted(sha256_of(file))
        say(f"submit: the codes are handed on in half precision, and scored so: {file}")
    alone = {**settings, "codes": str(file), "results_dir": results_dir, "study": {"name": None, "title": name}}
    plan, failed = score_codes(alone)
    _write(plan, Store(results_dir), name, path, settings)
    return failed


def _check_members(plan: Plan) -> None:
    """Refuse a study whose rows cannot stand on the board."""
    _check_protocol(plan.protocol)
    for dataset in dict.fromkeys(member.dataset for member in plan.members):
        if dataset not in data.given():
            raise ConfigError(f"study {plan.name} has rows of {dataset}, which is no data set of the suite")


def _check_protocol(protocol: Protocol) -> None:
    """Refuse a protocol that no board has."""
    shipped = shipped_protocols()
    counted = {k: v for k, v in dataclasses.asdict(protocol).items() if k not in UNCOUNTED}
    of_board = shipped.get(protocol.name)
    if of_board is None or any(dataclasses.asdict(of_board)[key] != value for key, value in counted.items()):
        raise ConfigError(
            f"a row of the board is scored by a protocol that ships, unchanged: scoring={' or scoring='.join(shipped)}"
        )


def _write(plan: Plan, store: Store, name: str, path: Path, settings: Settings) -> None:
    """Write the table, and last the record, which makes the folder a submission."""
    from bench.training.train import provenance

    command = _command(settings)
    named = dataclasses.replace(plan, name=name)
    write_reference(plan_scores(named, store)[0], named, store, TableFolder(path, MEND), command)
    told = {key: settings[key] for key in TOLD}
    record = {"format": FORMAT, "name": name, "protocol": plan.protocol.name, "command": command, "made": today()}
    for member in plan.codes if settings["codes"] is not None else ():
        record["codes"] = {"file": _plain(member.file).lstrip("=+-@") or CODES, "sha256": member.sha256}
    if not settings["with_codes"]:
        (path / CODES).unlink(missing_ok=True)
    write_json(path / RECORD, record | told | provenance())
    say(f"submit: {path} holds the submission {name}; `python -m bench verify {shlex.quote(str(path))}` checks it")


def _command(settings: Settings) -> str:
    """The words of the command that change what is in the folder; of the codes' file the name alone."""
    words = [word for word in settings["overrides"] if word.partition("=")[0] not in (*PRIVATE, *TOLD)]
    file = [] if settings["codes"] is None else [f"codes={Path(str(settings['codes'])).name}"]
    return _plain(shlex.join(["python", "-m", "bench", "submit", *file, *words]))


def _plain(words: str) -> str:
    """Words as a line of a record may have them."""
    return "".join(letter if " " <= letter <= "~" and letter not in "<>" else "?" for letter in words)[:300]

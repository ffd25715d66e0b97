"""`submit codes=FILE name=NAME dataset=NAME` or `submit study=NAME`: a folder of scores for the public board."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import data
from bench.cli.score_file import score_codes, single
from bench.progress import say
from bench.scoring import foreign
from bench.store.files import remove, sha256_of, write_json
from bench.store.folders import Store
from bench.store.record_types import is_line, read_record
from bench.store.tables import TableFolder
from bench.study.command import Settings, study_of
from bench.study.grid import UNCOUNTED, metric_names
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of, shipped_protocols
from bench.table.card import today
from bench.table.reference import write_reference
from bench.table.scores import plan_scores
from bench.table.submission import CODES, FORMAT, MEND, RECORD, SubmissionRecord, check_free, write_half
from bench.table.verification import name_taken, rows_read, too_few
from bench.values import ConfigError, check_name, flag, one_of, text

ABOUT = ("contact", "paper", "code")
PRIVATE = ("folder", "results_dir", "codes", "processes", "device")  # keys whose values describe this machine
FORM = "it must be one printable line of at most 300 letters without < and >, which does not start with = + - or @"


def submit(settings: Settings) -> int:
    """Write a submission; the exit code is 1 if a metric failed.

    Raises:
        ConfigError: the submission could not be accepted by the board; the message names the key.
        StoreError: a file cannot be read or written.
    """
    for key in ABOUT:
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
    if owner := name_taken(name, store):
        raise ConfigError(f"name={name} is that of {owner}: choose another")
    path = Path(settings["folder"] or f"submission-{name}").expanduser()
    check_free(path, name)
    if of_codes:
        return _submit_codes(name, path, settings)
    if flag("with_codes", settings["with_codes"]):
        raise ConfigError("with_codes goes with codes=FILE: the submission of a study holds its scores alone")
    plan = study_of(settings, store).whole
    _check_members(plan)
    _write(plan, store, name, path, settings)
    return 0


def _submit_codes(name: str, path: Path, settings: Settings) -> int:
    """Score codes and write their submission; if it includes the codes, they are scored in half precision."""
    if (dataset := single(settings, "dataset")) == data.CUSTOM:
        raise ConfigError("the board compares codes of one data set: say of which these are with dataset=NAME")
    one_of("data set of the suite", dataset, data.packaged())
    protocol = protocol_of(settings["scoring"])
    _check_protocol(protocol)
    file, results_dir = Path(str(settings["codes"])).expanduser(), settings["results_dir"]
    file_codes = foreign.read(file, name, dataset, single(settings, "seed"))
    rows = len(file_codes.factors)
    if rows < (read := max(rows_read(metric_names(settings["metric"]), protocol, dataset).values(), default=0)):
        raise ConfigError(too_few(file.name, rows, read, protocol.name))
    if flag("with_codes", settings["with_codes"]):
        file = path / CODES
        write_half(file, file_codes.codes.mean, file_codes.factors, file_codes.codes.logvar)
        sha256 = sha256_of(file)
        _write_record(name, path, protocol, {CODES: sha256}, settings)  # by which an interrupted command goes on
        results_dir = Store(results_dir).submitted(sha256)
        say(f"submit: the codes go into the submission in half precision, and are scored so: {file}")
    settings_of_codes = {
        **settings,
        "codes": str(file),
        "results_dir": results_dir,
        "study": {"name": None, "title": name},
    }
    plan, failed = score_codes(settings_of_codes)
    _write(plan, Store(results_dir), name, path, settings)
    return failed


def _check_members(plan: Plan) -> None:
    """Refuse a study with a protocol or data set that the board does not have."""
    _check_protocol(plan.protocol)
    for dataset in dict.fromkeys(member.dataset for member in plan.members):
        if dataset not in data.packaged():
            raise ConfigError(f"study {plan.name} has rows of {dataset}, which is no data set of the suite")


def _check_protocol(protocol: Protocol) -> None:
    """Refuse a protocol that is not one of those that ship, unchanged."""
    shipped = shipped_protocols()
    counted = {k: v for k, v in dataclasses.asdict(protocol).items() if k not in UNCOUNTED}
    of_board = shipped.get(protocol.name)
    if of_board is None or any(dataclasses.asdict(of_board)[key] != value for key, value in counted.items()):
        raise ConfigError(
            f"a row of the board is scored by a protocol that ships, unchanged: scoring={' or scoring='.join(shipped)}"
        )


def _write(plan: Plan, store: Store, name: str, path: Path, settings: Settings) -> None:
    """Write the record, then the table, whose card makes the folder a submission."""
    named = dataclasses.replace(plan, name=name)
    table = plan_scores(named, store)[0]
    if not settings["with_codes"]:
        remove(path / CODES)
    scored = {member.file: member.sha256 for member in plan.codes if settings["codes"] is not None}
    _write_record(name, path, plan.protocol, scored, settings)
    write_reference(table, named, store, TableFolder(path, MEND), _command(settings))
    command = Store(settings["results_dir"]).command(f"verify {shlex.quote(str(path))}")
    say(f"submit: {path} holds the submission {name}; `{command}` checks it")


def _write_record(name: str, path: Path, protocol: Protocol, codes: Mapping[str, str], settings: Settings) -> None:
    """Write the record of a submission; `codes` is the name of their file -> its sha256, if it is of codes."""
    from bench.training.train import provenance

    entry = {key: settings[key] for key in ABOUT}
    if (path / RECORD).exists():  # made again: what is not given stays
        former: Mapping[str, Any] = read_record(path / RECORD, SubmissionRecord)
        entry = {key: former[key] if value is None else value for key, value in entry.items()}
    record = {"format": FORMAT, "name": name, "protocol": protocol.name, "command": _command(settings), "made": today()}
    for file, sha256 in codes.items():
        record["codes"] = {"file": _plain(file).lstrip("=+-@") or CODES, "sha256": sha256}
    write_json(path / RECORD, record | entry | provenance())


def _command(settings: Settings) -> str:
    """The command line without keys that are private or about the submitter; of the codes' path only the file name."""
    words = [word for word in settings["overrides"] if word.partition("=")[0] not in (*PRIVATE, *ABOUT)]
    file = [] if settings["codes"] is None else [f"codes={Path(str(settings['codes'])).name}"]
    return _plain(shlex.join(["python", "-m", "bench", "submit", *file, *words]))


def _plain(words: str) -> str:
    """Text as a line of a record may hold it: printable ASCII without < and >, at most 300 letters."""
    return "".join(letter if " " <= letter <= "~" and letter not in "<>" else "?" for letter in words)[:300]

"""`python -m bench STAGE [key=value ...]`: the command line, and the only module that imports Hydra."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until all modules are imported, ctrl-C ends the process silently

import copy
import itertools
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from bench.cli import keys, words
from bench.cli.completion import candidates, script
from bench.cli.pages import help_page, version
from bench.cli.settle import left_open, settle
from bench.cli.stages import STAGES
from bench.cli.words import Command, Word
from bench.registry import entry_points, package_of, unknown
from bench.store import shipped
from bench.terminal import interruptible, streams
from bench.values import ConfigError, listed, one_of

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

MOST_JOBS = 1_000  # commands that one command line with -m may stand for
OF_THE_COMMAND_LINE = ("overrides", "given", "shipped", "studies")  # settings that --cfg job does not show
ERRORS = {  # by module: errors whose message is enough for the user; shown as one line, without a traceback
    "builtins": ("PermissionError",),  # of a folder whose content may not even be asked for
    "bench.registry": ("UnknownNameError", "PluginError"),
    "bench.values": ("ConfigError",),
    "bench.models.base": ("ModelError",),
    "bench.data.base": ("DataError",),
    "bench.store.files": ("StoreError",),
    "bench.training.loggers": ("LoggerError",),
    "bench.launch.base": ("LaunchError",),
}


@streams()
@interruptible()
def main(arguments: list[str] | None = None) -> None:
    """The command line's entry point; it ends the process."""
    try:
        sys.exit(perform(sys.argv[1:] if arguments is None else arguments))
    except _user_errors() as fault:
        _print_error(fault)
        sys.exit(1)


def perform(arguments: Sequence[str]) -> int:
    """Carry out a command line; returns the exit code."""
    for word in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise ConfigError(f"{word!a} is not text in UTF-8")
    first, *rest = arguments or ["help"]
    if first == "completion":
        print(candidates(rest[1:]) if rest[:1] == ["words"] else script(rest))
        return 0
    if first in ("-h", "--help", "help"):
        names = [one_of("stage", word, STAGES) for word in rest if not word.startswith("-")][:1]
        print(help_page(*names))
        return 0
    command = None if first in ("-V", "--version", "version") else words.read(arguments)
    if command is None or "--version" in command.flags:
        print(version())
        return 0
    if "--help" in command.flags:
        print(help_page(command.stage))
        return 0
    words.check_keys(command)
    jobs = list(compose_all(command))
    if "--cfg" in command.flags:
        for settings in jobs:
            shown = {key: value for key, value in settings.items() if key not in OF_THE_COMMAND_LINE}
            print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), end="")
        return 0
    options = {group: keys.options(group, command.folders) for group in ("model", "study")}
    return _perform_all(jobs, options)


def _perform_all(jobs: Sequence[dict[str, Any]], options: Mapping[str, Sequence[str]]) -> int:
    """Perform the commands one after another, also after one that fails; returns the highest exit code."""
    return max(_perform(settings, options) for settings in jobs)


def _perform(settings: dict[str, Any], options: Mapping[str, Sequence[str]]) -> int:
    from bench.cli import commands

    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.handlers = [logging.StreamHandler()]
    try:
        return commands.perform(settings, options)
    except _user_errors() as fault:
        _print_error(fault)
        return 1


def _user_errors() -> tuple[type[Exception], ...]:
    """The classes of `ERRORS`, from modules that are imported: no other module can have raised one."""
    return tuple(getattr(sys.modules[m], name) for m, names in ERRORS.items() if m in sys.modules for name in names)


def _print_error(fault: Exception) -> None:
    print(f"{type(fault).__name__}: {fault}", file=sys.stderr)


def compose_all(command: Command) -> Iterator[dict[str, Any]]:
    """Yield the settings of each command that a command line stands for: one, or with -m several.

    Raises:
        UnknownNameError: no such key or option; the message offers the nearest.
        ConfigError: a value that cannot be read, or of the wrong type.
    """
    for word in command.words:
        if word.key.startswith("hydra") and word.key != "hydra.searchpath":
            print(f"{word.raw}: of Hydra's own settings only hydra.searchpath has an effect", file=sys.stderr)
    templates = [*command.for_hydra(), *left_open(command)]
    for job in _jobs(templates, command):
        settings = _composed(job, command)
        settle(settings, command, dict(zip(templates, job, strict=True)))
        yield settings


def _jobs(templates: Sequence[Word], command: Command) -> list[list[Word]]:
    """The words of each command: every combination of the values that -m gives to the templates."""
    choices = [_choices(word, command) for word in templates]
    jobs = [list(job) for job in itertools.islice(itertools.product(*choices), MOST_JOBS + 1)]
    if not 0 < len(jobs) <= MOST_JOBS:
        raise ConfigError(f"-m makes more than {MOST_JOBS:,} commands: seed=0..49 is one command of many runs")
    return jobs


def _choices(word: Word, command: Command) -> list[Word]:
    """The word itself, or with -m one word for each value that it lists."""
    override = _parsed(word)
    if not override.is_sweep_override():
        return [word]
    if not command.multirun:
        if command.stage == "check" and word.key == "metric":
            return [Word(word.raw, word.key, f"[{word.value}]")]
        raise ConfigError(
            f"{word.raw}: a list is {word.key}=[a,b], text is {word.key}=\"'a,b'\"; with -m these are several commands"
        )
    values = _values(override, word, command)
    return [Word(f"{word.key}={value}", word.key, value) for value in values]


def _values(override: "Override", word: Word, command: Command) -> list[str]:
    from hydra.core.override_parser.types import Glob

    known = keys.options(word.key, command.folders)
    value = override.value()
    try:
        if isinstance(value, Glob):
            values = value.filter(known)
        else:
            values = list(itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1))
    except Exception as fault:  # Hydra's sweeps raise any type
        raise ConfigError(f"{word.raw} names no values to go through: {_first_line(fault)}") from fault
    if not values:
        raise ConfigError(f"{word.raw} matches nothing. Known: {', '.join(known) or 'none'}")
    return values


def _parsed(word: Word) -> "Override":
    """A word as Hydra's grammar reads it.

    Raises:
        ConfigError: it cannot be read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        return OverridesParser.create().parse_override(word.for_hydra())
    except Exception as fault:  # the grammar raises any type, RecursionError among them
        raise ConfigError(
            f"{word.raw}: this value cannot be read. Brackets and quotes must be closed; text with letters beyond "
            f"a-z, or with one of ,=()[]{{}}:'\"#&*, is quoted twice: {word.key}=\"'...'\""
        ) from fault


def _composed(job: Sequence[Word], command: Command) -> dict[str, Any]:
    """The configuration with a command's words applied, as plain values.

    Hydra composes the chosen options; then every other word sets or removes an existing key.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    groups = tuple(word for word in job if word.is_group or word.key.startswith("hydra"))
    for word in groups:
        if word.is_group:
            _check_options(word, command)
    rest = [word for word in job if word not in groups]
    known = keys.paths(OmegaConf.to_container(_chosen(groups))) - {"stage"}
    for key in [*itertools.chain(*map(_keys, rest)), *(w.key for w in command.words if w.key in keys.TEXT)]:
        if (keys.opened(key) or key) not in known:
            raise keys.unknown_key(key, known)
    for word in rest:
        if word.removes and not (keys.is_below_open(word.key) or word.key.rpartition(".")[0] == "model"):
            raise ConfigError(f"{word.raw}: this key cannot be removed")
    config = copy.deepcopy(_chosen(groups))
    for word in rest:
        try:
            _set(config, word)
        except OmegaConfBaseException as fault:
            raise ConfigError(f"{word.raw} cannot be set: {_first_line(fault)}") from fault
    try:
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as fault:
        raise ConfigError(f"the settings cannot be composed: {_first_line(fault)}") from fault


@cache
def _chosen(groups: tuple[Word, ...]) -> "DictConfig":
    """The configuration that Hydra composes from the chosen options."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    try:
        with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
            config = compose("config", [_search_path(groups), *(w.for_hydra() for w in groups if w.is_group)])
    except Exception as fault:  # Hydra raises any type: ValueError, KeyError, errors of yaml
        written = " ".join(word.raw for word in groups) or "the configuration"
        raise ConfigError(f"{written} cannot be composed: {_first_line(fault)}") from fault
    if missing := keys.of_a_study() - keys.paths(OmegaConf.to_container(config)):
        study = next((word.raw for word in reversed(groups) if word.key == "study"), "the study")
        raise ConfigError(f"the yaml of {study} lacks {', '.join(sorted(missing))}: every study has them")
    for word in groups:
        if word.key == "model":
            _drop_settings_of_others(config, listed(_parsed(word).value()))
    return config


def _search_path(groups: Sequence[Word]) -> str:
    """The word by which Hydra finds the options of plug-ins and of a command's `hydra.searchpath`."""
    given = [folder for word in groups if word.key == "hydra.searchpath" for folder in keys.search_path(word.value)]
    places = [f"file://{folder.resolve()}".replace("'", "\\'") for folder in (*shipped.conf_dirs()[1:], *given)]
    return "hydra.searchpath=[" + ",".join(f"'{place}'" for place in places) + "]"


def _drop_settings_of_others(config: "DictConfig", models: Sequence[str]) -> None:
    """Remove what a study sets of models that the command leaves out, such as `model: {slow_vae: {pairs: uniform}}`."""
    from omegaconf import open_dict

    with open_dict(config):
        for name in [
            n for n, settings in (config.get("model") or {}).items() if n not in models and "version" not in settings
        ]:
            del config.model[name]


def _set(config: "DictConfig", word: Word) -> None:
    """Set a word's key to its value, merging a mapping into the present one; or remove the key."""
    from omegaconf import OmegaConf, open_dict

    if not word.removes:
        OmegaConf.update(config, word.key, _parsed(word).value(), merge=True, force_add=True)
        return
    parent_key, _, last = word.key.rpartition(".")
    parent = OmegaConf.select(config, parent_key) if parent_key else config
    if not OmegaConf.is_dict(parent) or last not in parent:
        raise ConfigError(f"{word.raw}: there is no such key to remove")
    with open_dict(parent):
        del parent[last]


def _first_line(fault: Exception) -> str:
    return next((line.strip() for line in str(fault).splitlines() if line.strip()), type(fault).__name__)


def _check_options(word: Word, command: Command) -> None:
    names, known = _parsed(word).value(), keys.options(word.key, command.folders)
    for name in names if isinstance(names, list) and word.key == "model" else [names]:
        if word.key == "model" and name not in known and (module := entry_points("models").get(str(name))):
            raise ConfigError(
                f"the model {name!r} of another distribution ({module}) lacks its settings: "
                f"conf/model/{name}.yaml in the package {package_of(module)}"
            )
        if not isinstance(name, str) or name not in known:
            raise unknown(word.key, name if isinstance(name, str) else word.value, known)


def _keys(word: Word) -> Iterator[str]:
    """The key that a word sets and, where its value is a mapping, the keys below it."""
    yield word.key
    if not word.removes and not keys.opened(word.key) and isinstance(value := _parsed(word).value(), dict):
        yield from (f"{word.key}.{key}" for key in keys.paths(value))


if __name__ == "__main__":
    main()

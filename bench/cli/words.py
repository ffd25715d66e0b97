"""Parses the words of a command line: stage, flags, keys with plain text, and keys whose values Hydra parses."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli import keys
from bench.cli.stages import FLAGS, OF_STUDIES, OTHERS, STAGES
from bench.registry import nearest, unknown
from bench.store.files import digest
from bench.values import ConfigError, one_of

_KEY = re.compile(r"(\+{0,2}|~)([A-Za-z_][\w.]*|hydra(?:[./][\w.]+)+)(?:=(.*))?", re.DOTALL)
ALIKE = ("results_dir", "device", "processes", "launcher", "logger", "retry_failed", "open", "dry_run", "rank_by",
         "rank_set", "level")  # fmt: skip


@dataclass(frozen=True)
class Word:
    """key=value or ~key; a bare word becomes the pair that it stands for.

    Attributes:
        raw: the word as it was written.
        key: without a sign.
        value: the text behind the first `=`; empty if the word removes its key.
        removes: whether the word, written ~key, removes its key.
    """

    raw: str
    key: str
    value: str
    removes: bool = False

    @property
    def is_group(self) -> bool:
        """Whether the word chooses an option of a configuration group."""
        return self.key in keys.groups() and not self.removes and not self.value.lstrip().startswith("{")

    def for_hydra(self) -> str:
        """The word as Hydra reads it."""
        if self.removes:
            return f"~{self.key}"
        return f"{self.key}={self.value}"


@dataclass(frozen=True)
class Command:
    """A parsed command line.

    Attributes:
        stage: its first word.
        words: the pairs of key and value, in their order.
        flags: long names of its flags.
        folders: folders with the user's own configurations, from `hydra.searchpath`.
    """

    stage: str
    words: tuple[Word, ...]
    flags: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    @property
    def multirun(self) -> bool:
        """Whether it may stand for several commands."""
        return "--multirun" in self.flags

    @property
    def values(self) -> dict[str, str]:
        """Key -> value as written; a key that occurs twice has its last value."""
        return {word.key: word.value for word in self.words if not word.removes}

    def is_text(self, word: Word) -> bool:
        """Whether a word's value is plain text, not parsed; so is the name of a study that has no yaml."""
        names_a_study = word.key == "study" and self._names_a_study(word.value)
        return (word.key in keys.TEXT or names_a_study) and not word.removes

    def _names_a_study(self, value: str) -> bool:
        swept = self.multirun and re.search(r"[,(]", value)
        return value not in keys.options("study", self.folders) and not swept and not value.lstrip().startswith("{")

    def for_hydra(self) -> list[Word]:
        """The words that Hydra composes; for each key its last word."""
        last = {(word.key, word.is_group): word for word in self.words if not self.is_text(word)}
        return list(last.values())

    def text(self) -> dict[str, str | list[str]]:
        """Key -> plain text, in paths with the home folder for ~; a key whose value is `null` is left out.

        Raises:
            ConfigError: a value is empty.
        """
        texts: dict[str, str | list[str]] = {}
        for word in filter(self.is_text, self.words):
            key = "study.name" if word.key == "study" else word.key
            texts.pop(key, None)
            if not word.value:
                raise ConfigError(f"{key}= has no value: {key}=null is as if it were not given")
            if word.value != "null":
                texts[key] = _items(word.value) if key == "compare" else _path(word.value, key)
        if self.multirun and not {"study", "study.name"} & self.values.keys():
            texts["study.name"] = self.common_name()
        return texts

    def common_name(self) -> str:
        """The name of the study of several commands, the same at every stage and on every machine."""
        words = [word.raw for word in self.words if word.key.partition(".")[0] not in ALIKE]
        return f"sweep-{digest(words, 8)}"


def read(arguments: Sequence[str]) -> Command:
    """Parse a command line.

    Raises:
        UnknownNameError: no such stage or flag; the message offers the nearest.
        ConfigError: no stage, a word that is not key=value, or a flag that does not go with the stage.
    """
    flags: set[str] = set()
    words: list[Word] = []
    stage = None
    remaining = iter(arguments)
    for word in remaining:
        if word.startswith("-"):
            flags.add(_flag(word, remaining))
        elif stage is None:
            stage = one_of("stage", word, (*STAGES, *OTHERS))
        else:
            words.append(_word(word, stage, words))
    if stage is None or stage not in STAGES:
        raise ConfigError(f"a stage is the first word: {', '.join(STAGES)}")
    for flag, stages in (("--open", ("run", "report")), ("--undo", ("merge",))):
        if flag in flags and stage not in stages:
            named = f"stage{'s' if len(stages) > 1 else ''} {' and '.join(stages)}"
            raise ConfigError(f"{flag} goes with the {named}, not with {stage}")
    values = {word.key: word.value for word in words}
    return Command(stage, tuple(words), frozenset(flags), tuple(keys.search_path(values.get("hydra.searchpath", ""))))


def check_keys(command: Command) -> None:
    """Refuse a key that other stages take and this one would ignore.

    Raises:
        ConfigError: there is one; the message names the stages that take it.
    """
    for word in command.words:
        takers = [name for name, described in STAGES.items() if word.key in described.keys]
        if takers and command.stage not in takers and word.key not in OF_STUDIES:
            raise ConfigError(f"{word.key}= goes with {', '.join(takers)}, not with {command.stage}")


def _flag(word: str, remaining: Iterator[str]) -> str:
    """The long name of a flag; takes the value of `--cfg` from the remaining words."""
    short: Mapping[str, str] = {"-m": "--multirun", "-h": "--help", "-V": "--version", "-c": "--cfg"}
    name, has_value, value = word.partition("=")
    name = short.get(name, name)
    if name == "--shell-completion":
        raise ConfigError("`disentanglement-bench completion bash` (zsh, fish) prints a script that completes words")
    if name not in FLAGS:
        raise unknown("flag", word, FLAGS)
    if name == "--cfg":
        value = value if has_value else next(remaining, "")
        if value != "job":
            raise unknown("configuration to show", value, ["job"])
    elif has_value:
        raise ConfigError(f"{name} takes no value")
    return name


def _word(word: str, stage: str, before: Sequence[Word]) -> Word:
    takes = STAGES[stage].takes
    match = _KEY.fullmatch(word)
    if match and (match[3] is not None or match[1] == "~"):
        return Word(word, match[2], match[3] or "", match[1] == "~")
    if takes and word and takes not in {w.key for w in before} and (takes in keys.WITH_SIGNS or "=" not in word):
        return Word(f"{takes}={word}", takes, word)
    if "=" in word:
        raise unknown("key", word.partition("=")[0], keys.comments())
    known = [*STAGES[stage].keys, *keys.shipped()]
    near = [f"{k}=..." for k in ([word] if word in known else nearest(word, set(known)))]
    hint = f" Did you mean {' or '.join(near)}?" if near and word else ""
    raise ConfigError(f"{word!r} is neither key=value nor a flag.{hint}")


def _items(value: str) -> list[str]:
    """The names in a list that is written [a,b] or a,b."""
    inner = re.fullmatch(r"\s*\[(.*)\]\s*", value, re.DOTALL)
    names = (inner[1] if inner else value).split(",")
    return [re.sub(r"""^(['"])(.*)\1$""", r"\2", name.strip(), flags=re.DOTALL) for name in names]


def _path(value: str, key: str) -> str:
    """The value of a path with ~ or ~user replaced by the home folder; other text unchanged."""
    if key not in keys.PATHS:
        return value
    expanded = os.path.expanduser(value)
    return f".{os.sep}{expanded}" if expanded.startswith("~") else expanded  # no such user: a file of that name

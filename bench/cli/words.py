"""From the words of a command line to what is asked for; text is taken as it is written, the rest is left to Hydra."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli import keys
from bench.cli.stages import FLAGS, OTHERS, STAGES
from bench.registry import nearest, unknown
from bench.store.files import digest
from bench.values import ConfigError, one_of

_KEY = re.compile(r"(\+{0,2}|~)([A-Za-z_][\w.]*|hydra(?:[./][\w.]+)+)(?:=(.*))?", re.DOTALL)
ALIKE = ("results_dir", "device", "processes", "launcher", "logger", "retry_failed", "open", "dry_run", "rank_by",
         "rank_set", "level")  # fmt: skip


@dataclass(frozen=True)
class Word:
    """key=value, ~key, or such a pair as it was made of a single word.

    Attributes:
        raw: as it was written.
        key: without a sign.
        value: what stands behind the first `=`; empty where a key is taken away.
        taken_away: whether the word takes the key away.
    """

    raw: str
    key: str
    value: str
    taken_away: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it chooses an option of a configuration group."""
        return self.key in keys.groups() and not self.taken_away and not self.value.lstrip().startswith("{")

    def for_hydra(self) -> str:
        """The word as Hydra reads it."""
        if self.taken_away:
            return f"~{self.key}"
        return f"{self.key}={self.value}"


@dataclass(frozen=True)
class Command:
    """What a command line asks for.

    Attributes:
        stage: its first word.
        words: the pairs of key and value, in their order.
        flags: those that are given, by their long names.
        folders: of configurations of one's own, from `hydra.searchpath`.
    """

    stage: str
    words: tuple[Word, ...]
    flags: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    @property
    def multirun(self) -> bool:
        """Whether several commands are asked for."""
        return "--multirun" in self.flags

    @property
    def given(self) -> dict[str, str]:
        """Key -> value, as written; of a key that is given twice, the last."""
        return {word.key: word.value for word in self.words if not word.taken_away}

    def is_text(self, word: Word) -> bool:
        """Whether the value is text, which has no grammar. The name of a study that has no options file is."""
        names_a_study = word.key == "study" and self._names_a_study(word.value)
        return (word.key in keys.TEXT or names_a_study) and not word.taken_away

    def _names_a_study(self, value: str) -> bool:
        swept = self.multirun and re.search(r"[,(]", value)
        return value not in keys.options("study", self.folders) and not swept and not value.lstrip().startswith("{")

    def for_hydra(self) -> list[Word]:
        """The words that Hydra composes; of words for one key the last."""
        last = {(word.key, word.is_group): word for word in self.words if not self.is_text(word)}
        return list(last.values())

    def text(self) -> dict[str, str | list[str]]:
        """Key -> its text, paths with the home folder in place of ~; what is `null` is not given.

        Raises:
            ConfigError: a value is empty.
        """
        found: dict[str, str | list[str]] = {}
        for word in filter(self.is_text, self.words):
            key = "study.name" if word.key == "study" else word.key
            found.pop(key, None)
            if not word.value:
                raise ConfigError(f"{key}= has no value: {key}=null is as if it were not given")
            if word.value != "null":
                found[key] = _items(word.value) if key == "compare" else _path(word.value, key)
        if self.multirun and not {"study", "study.name"} & self.given.keys():
            found["study.name"] = self.common_name()
        return found

    def common_name(self) -> str:
        """What the study of several commands is called: the same at every stage and on every machine."""
        asked = [word.raw for word in self.words if word.key.partition(".")[0] not in ALIKE]
        return f"sweep-{digest(asked, 8)}"


def read(arguments: Sequence[str]) -> Command:
    """A command line with a stage, in parts.

    Raises:
        UnknownNameError: no such stage or flag; the message offers the nearest.
        ConfigError: a word that is no pair of key and value.
    """
    flags: set[str] = set()
    words: list[Word] = []
    stage = None
    waiting = iter(arguments)
    for word in waiting:
        if word.startswith("-"):
            flags.add(_flag(word, waiting))
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
    given = {word.key: word.value for word in words}
    return Command(stage, tuple(words), frozenset(flags), tuple(keys.search_path(given.get("hydra.searchpath", ""))))


def _flag(word: str, waiting: Iterator[str]) -> str:
    """The long name of a flag; the value of `--cfg` is taken from the words that wait."""
    short: Mapping[str, str] = {"-m": "--multirun", "-h": "--help", "-V": "--version", "-c": "--cfg"}
    name, has_value, value = word.partition("=")
    name = short.get(name, name)
    if name == "--shell-completion":
        raise ConfigError("`disentanglement-bench completion bash` (zsh, fish) prints a script that completes words")
    if name not in FLAGS:
        raise unknown("flag", word, FLAGS)
    if name == "--cfg":
        value = value if has_value else next(waiting, "")
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
    """The names of a list, [a,b] or a,b."""
    inner = re.fullmatch(r"\s*\[(.*)\]\s*", value, re.DOTALL)
    names = (inner[1] if inner else value).split(",")
    return [re.sub(r"""^(['"])(.*)\1$""", r"\2", name.strip(), flags=re.DOTALL) for name in names]


def _path(value: str, key: str) -> str:
    """A value with the home folder in place of ~ or ~user, where it is a path; another text as it is."""
    if key not in keys.PATHS:
        return value
    expanded = os.path.expanduser(value)
    return f".{os.sep}{expanded}" if expanded.startswith("~") else expanded  # no such user: a file of that name

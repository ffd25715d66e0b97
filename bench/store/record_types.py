"""The json records of a store: their fields and types, and a reader that checks them.

Anyone who shares the store may have written a record, so everything in it is checked: names that reach tables and
pages are letters, digits, dots, dashes and underscores, other text is one printable line without markup, numbers are
finite and fit their column.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar, Union, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_record

import orjson

from bench.store.files import StoreError, canonical, digest_of, printable, read_whole

Place = tuple[str, str]  # field of a wrong value, such as ".model.name", and the fault in words
Fault = Callable[[Any], Place | None]

LARGEST = 2**63 - 1
REPRESENTATIONS = ("mean", "sampled", "held_out")  # of a run's scores; a later version may have written others
TRAINING = "training"  # the metric, and the cell, of scores that come from a run's losses


def must(test: Callable[[Any], object], words: str) -> Fault:
    """A rule for values; `words` describe valid ones."""
    return lambda value: None if test(value) else ("", f"is {printable(repr(value), 60)}, not {words}")


def _text(test: Callable[[str], object], words: str) -> Fault:
    """A rule for text, with a cache: the same few names occur in thousands of records."""
    cached_test = lru_cache(maxsize=4096)(lambda value: bool(test(value)))
    return must(lambda value: type(value) is str and cached_test(value), words)


def _matching(pattern: str, words: str) -> Fault:
    return _text(re.compile(pattern, re.ASCII).fullmatch, words)


def is_line(value: str) -> bool:
    """Whether text is one printable line without markup, and no formula of a spreadsheet."""
    return len(value) <= 300 and value.isprintable() and value[:1] not in tuple("=+-@") and not {*"<>"} & {*value}


def _is_number(value: Any) -> bool:
    return (type(value) is float or type(value) is int) and math.isfinite(value)


_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
Id = Annotated[str, _matching("[0-9a-f]{12}", "an id of twelve hex digits")]
Name = Annotated[str, _matching(_NAME, "a name of letters, digits, dots, dashes and underscores")]
MetricName = Annotated[str, _matching(f"(?!{TRAINING}$){_NAME}", "the name of a metric")]
ScoreName = Annotated[str, _matching(rf"{_NAME}(/\d{{1,4}})?", "the name of a score, or name/3 for factor 3")]
Line = Annotated[str, _text(is_line, "one printable line without markup")]
Count = Annotated[int, must(lambda v: type(v) is int and 0 <= v <= LARGEST, "an integer from 0")]
Positive = Annotated[int, must(lambda v: type(v) is int and 0 < v <= LARGEST, "an integer from 1")]
Number = Annotated[float, must(_is_number, "a finite number")]
Seconds = Annotated[float, must(lambda v: _is_number(v) and v >= 0, "seconds")]
Sha256 = Annotated[str, _matching("[0-9a-f]{64}", "a sha256 of 64 hex digits")]
Scalar = Annotated[Any, must(lambda v: v is None or isinstance(v, str | bool) or _is_number(v), "a single value")]


class ModelPart(TypedDict):
    """The model of a run."""

    name: Name
    version: Positive
    hyper: dict[str, Scalar]
    pairs: NotRequired[Name]


class DatasetPart(TypedDict):
    """The data set of a run; version None: it is not in the suite."""

    name: Name
    version: Positive | None


class SchedulePart(TypedDict):
    """How a run was trained; fitted learners have fewer fields."""

    batch_size: NotRequired[Count]


class SamplingPart(TypedDict):
    """The sampling of a run, unless it is all images; further fields depend on its kind."""

    kind: Name


class ConfigRecord(TypedDict):
    """config.json: the definition of a run. Its id is a hash of all fields except those in `SHOWN`."""

    id: Id
    model: ModelPart
    seed: Count
    dataset: DatasetPart
    hyperparameter: NotRequired[Name | None]
    strength: Count | None
    value: Number | None
    schedule_label: Line
    schedule: NotRequired[SchedulePart]
    sampling: NotRequired[SamplingPart]


class DoneRecord(TypedDict):
    """done.json: how a run was trained, and the checksum of its weights, which earlier versions did not record."""

    device: Line
    seconds: Seconds
    fleet: NotRequired[Positive]
    versions: dict[Name, Line]
    revision: NotRequired[Line | None]
    sha256: NotRequired[Sha256]


class FailedRecord(TypedDict):
    """failed.json: how a run failed."""

    error: str
    traceback: NotRequired[str]


class CellRecord(TypedDict):
    """One cell of a file of scores: values and the rows behind them, why it was skipped, or how it failed."""

    key: Name
    metric: MetricName
    version: Positive
    representation: Name
    seconds: Seconds
    values: NotRequired[dict[ScoreName, Number]]
    rows: NotRequired[dict[Name, Count]]
    skipped: NotRequired[str]
    failed: NotRequired[str]
    traceback: NotRequired[str]


class ScoresRecord(TypedDict):
    """scores-*.json: the cells of one call of the scoring stage, and the names of the data set's factors."""

    run: NotRequired[Name]
    factors: NotRequired[list[Line]]
    cells: list[CellRecord]


class ClaimRecord(TypedDict):
    """claim-*: the process that works on a run."""

    token: Annotated[str, _matching("[0-9a-f]{32}", "a token of 32 hex digits")]
    machine: str


class SettingRecord(TypedDict):
    """Runs of a plan.json that differ in their seed alone; `schedule` is an index of its `schedules`."""

    model: Name
    version: Positive
    fitted: bool
    hyper: dict[Name, Scalar]
    sweeps: Name | None
    strength: Count | None
    value: Number | None
    seeds: list[Count]
    dataset: Name
    dataset_version: Positive
    schedule: Count
    checkpoint: Sha256 | None
    networks_version: NotRequired[Positive]
    pairs: NotRequired[Name]


class CodesRecord(TypedDict):
    """Codes from elsewhere as an entry of a plan.json."""

    model: Name
    seed: Count
    dataset: Name
    dataset_version: Positive | None
    sha256: Sha256
    file: str
    strength: NotRequired[Count | None]
    value: NotRequired[Number | None]


def _is_list_of_names(value: Any) -> bool:
    return type(value) is list and not any(_fault_of(MetricName)(name) for name in value)


class PlanRecord(TypedDict):
    """plan.json: a study; its schedules, protocol and samplings are checked like those of a command."""

    title: str
    metrics: Annotated[Any, must(lambda v: v == "all" or _is_list_of_names(v), "all or a list of names")]
    runs: list[SettingRecord]
    codes: list[CodesRecord]


class JobsRecord(TypedDict):
    """jobs/*.json: jobs of an engine that outlives the command, each with the ids of its runs."""

    launcher: Name
    jobs: dict[Name, list[Name]]


SHOWN = ("id", "hyperparameter", "strength", "value", "schedule_label", "file")  # of config.json: not hashed

Record = TypeVar("Record", bound=Mapping[str, Any])


def identity(config: ConfigRecord) -> str:
    """The id of the run that a config.json describes: its `digest`. Parts that many runs share are encoded once."""
    hashed = sorted(item for item in config.items() if item[0] not in SHOWN)
    encoded = [f"{_encoded(orjson.dumps(name))}:{_encoded(orjson.dumps(value))}" for name, value in hashed]
    return digest_of("{" + ",".join(encoded) + "}")


@lru_cache(maxsize=4096)
def _encoded(part: bytes) -> str:
    return canonical(orjson.loads(part))


def parsed(text: bytes, kind: type[Record]) -> Record:
    """Parse and check the text of a record.

    Raises:
        ValueError: it is not JSON, or not a valid record; the message names the field.
    """
    record: Record = checked(orjson.loads(text), kind)
    return record


def checked(content: Any, kind: Any) -> Any:
    """Check that content is of a type, such as `ConfigRecord` or `list[Name]`, and return it.

    Raises:
        ValueError: it is not; the message names the field.
    """
    if fault := _fault_of(kind)(content):
        place, words = fault
        raise ValueError(f"{place.lstrip('.') or 'it'} {words}")
    return content


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read and check the record in a file.

    Raises:
        StoreError: it cannot be read, or is not a valid record; the message names file and field.
    """
    try:
        return parsed(read_whole(path), kind)
    except (OSError, ValueError) as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault


@cache
def _fault_of(kind: Any) -> Fault:
    """The rule that a type declares."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        rule: Fault = parts[1]
        return rule
    if origin in (Union, UnionType):
        (rule_of_value,) = (_fault_of(part) for part in parts if part is not NoneType)
        return lambda value: None if value is None else rule_of_value(value)
    if origin is NotRequired:
        return _fault_of(parts[0])
    if origin is list:
        return _list_rule(_fault_of(parts[0]))
    if origin is dict:
        return _dict_rule(*map(_fault_of, parts))
    if is_record(kind):
        return _record_rule(kind)
    return must(lambda value: type(value) is kind, {str: "text"}.get(kind, f"of type {kind}"))


_is_list = must(lambda value: type(value) is list, "a list")
_is_dict = must(lambda value: type(value) is dict, "keys and values")


def _list_rule(of_item: Fault) -> Fault:
    def fault(value: Any) -> Place | None:
        if type(value) is not list:
            return _is_list(value)
        for i, item in enumerate(value):
            if wrong := of_item(item):
                return f"[{i}]{wrong[0]}", wrong[1]
        return None

    return fault


def _dict_rule(of_key: Fault, of_value: Fault) -> Fault:
    def fault(value: Any) -> Place | None:
        if type(value) is not dict:
            return _is_dict(value)
        for key, item in value.items():
            if wrong := of_key(key):
                return "", f"has a key that {wrong[1]}"
            if wrong := of_value(item):
                return f".{key}{wrong[0]}", wrong[1]
        return None

    return fault


def _record_rule(kind: Any) -> Fault:
    hints = get_type_hints(kind, include_extras=True)
    fields = [(name, name in kind.__required_keys__, _fault_of(field_type)) for name, field_type in hints.items()]

    def fault(value: Any) -> Place | None:
        if type(value) is not dict:
            return _is_dict(value)
        for name, required, of_field in fields:
            if name in value:
                if wrong := of_field(value[name]):
                    return f".{name}{wrong[0]}", wrong[1]
            elif required:
                return "", f"lacks {name}"
        return None

    return fault

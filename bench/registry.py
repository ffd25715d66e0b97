"""Finds metrics, models and networks by file name, imports them only when they are used.

Every file directly in `bench/metrics`, except `base.py`, is the metric of its name; `bench/models` and
`bench/networks` work the same way. Code that they share lies in their folders `parts`. Other distributions register
theirs in the entry-point groups `bench.metrics`, `bench.models`, `bench.networks` and `bench.data` (name = module, or
name = module:object). Listing names imports nothing, and a plug-in that cannot be imported fails alone.
"""

import difflib
import importlib
import importlib.metadata
import importlib.util
import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase as fnmatch
from functools import cache, reduce
from pathlib import Path
from types import ModuleType
from typing import Any

DEFINITIONS: Mapping[str, str] = {
    "metrics": "a function `{name}` under @metric(...)",
    "models": "one class under @model()",
    "networks": "one class under @network(version=1)",
}
_POINTER = re.compile(r"(?P<module>[\w.]+)\s*(?::\s*(?P<object>[\w.]+))?\s*(?:\[.*\])?")  # of an entry point


class UnknownNameError(ValueError):
    """A name that nothing is registered under; the message offers the nearest ones."""


class PluginError(RuntimeError):
    """A registered file that cannot be used; the message names the file, the fault and the mend."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to two known names that may be meant, in capitals or not: spelt alike, else those that it abbreviates."""
    folded = {k.lower(): k for k in sorted(known)}
    name = str(name).lower()
    initials = {k: "".join(part[:1] for part in k.split("_")) for k in folded}
    spelt_alike = difflib.get_close_matches(name, folded, n=2, cutoff=0.5)
    near = spelt_alike or [k for k in folded if initials[k] == name or (len(name) > 1 and k.startswith(name))][:2]
    return [folded[k] for k in near]


def unknown(kind: str, name: str, known: Iterable[str], near: Sequence[str] | None = None) -> UnknownNameError:
    """The error for an unknown name; it lists the nearest names and all known ones."""
    known = sorted(set(known))
    near = nearest(name, known) if near is None else near
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return UnknownNameError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")


def entry_points(kind: str) -> dict[str, str]:
    """Plug-ins of other distributions: name -> "module" or "module:object", for a `kind` such as metrics or data."""
    return {e.name: e.value for e in importlib.metadata.entry_points(group=f"bench.{kind}")}


def package_of(pointer: str) -> str:
    """The outermost package that a plug-in's pointer names."""
    return re.split(r"[.:\s\[]", pointer.strip())[0]


def folders_of(package: str) -> list[Path]:
    """The folders of a package, which is not imported (those around it are); empty if it is none."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]


@cache
def modules(kind: str) -> dict[str, str]:
    """Registered name -> "module" or "module:object", for a `kind` of `DEFINITIONS`."""
    files = sorted((Path(__file__).parent / kind).glob("*.py"))
    shipped = {
        f.stem: f"bench.{kind}.{f.stem}" for f in files if f.stem not in ("__init__", "base") and f.name[0] != "."
    }
    return shipped | {n: m for n, m in sorted(entry_points(kind).items()) if n not in shipped}


def names(kind: str) -> list[str]:
    """Registered names of `kind`, sorted."""
    return sorted(modules(kind))


def unknown_metric(name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for an unknown metric; a name of a score is answered with the metric that gives it."""
    usable = [metric for metric in names("metrics") if metric not in faults("metrics", [metric])]
    declared = {metric: load("metrics", metric).metric.scores for metric in usable}
    stem = str(name).lower().partition("/")[0]
    givers = [metric for metric, scores in declared.items() if any(fnmatch(stem, score) for score in scores)]
    return unknown("metric", name, known, givers or None)


def import_plugin(kind: str, name: str, pointer: str) -> Any:
    """The object that a pointer, "module" or "module:object", names.

    Raises:
        PluginError: the module cannot be imported or lacks the object; the message names its file and the fault.
    """
    parts = _POINTER.fullmatch(pointer.strip())
    if parts is None:
        raise PluginError(f"the entry point {name!r} of bench.{kind} must be module or module:object, not {pointer!r}")
    module = _import(kind, name, parts["module"])
    try:
        return reduce(getattr, parts["object"].split("."), module) if parts["object"] else module
    except AttributeError as fault:
        raise PluginError(f"the {kind} plug-in {name!r}: {_file(module)} has no {parts['object']!r}") from fault


def _import(kind: str, name: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # a module may also raise SystemExit
        raise PluginError(
            f"the {kind} plug-in {name!r} ({module}) cannot be imported: "
            f"{type(fault).__name__}: {fault} [{_line(fault, module)}]"
        ) from fault


def _line(fault: BaseException, module: str) -> str:
    """The line of a module that raised, as FILE:LINE; the module's name if none of its lines ran."""
    if isinstance(fault, SyntaxError):
        return f"{fault.filename}:{fault.lineno}"
    lines = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(fault.__traceback__)
        if frame.f_globals.get("__name__") == module
    ]
    return lines[-1] if lines else module


def load(kind: str, name: str) -> Any:
    """The registered function or class of a name.

    Raises:
        UnknownNameError: nothing is registered under that name.
        PluginError: its file cannot be imported or does not define what its name promises.
    """
    known = modules(kind)
    if name not in known:
        raise unknown(kind.rstrip("s"), name, known)
    target = import_plugin(kind, name, known[name])
    mark = kind.rstrip("s")
    if not isinstance(target, ModuleType):
        if not _bears(target, mark) or (kind == "metrics" and target.metric.name != name):
            raise PluginError(
                f"the {kind} plug-in {name!r} ({known[name]}) must be {DEFINITIONS[kind].format(name=name)}"
            )
        return target
    defined = {id(v): v for v in vars(target).values() if _bears(v, mark) and v.__module__ == target.__name__}
    promised = [v for v in defined.values() if kind != "metrics" or v.metric.name == name]
    file_of_its_own = target.__name__ == f"bench.{kind}.{name}"  # a module may hold several, each its own entry point
    if len(promised) != 1 or (file_of_its_own and len(defined) != 1):
        raise PluginError(_broken_promise(kind, name, target, [v.__name__ for v in defined.values()]))
    return promised[0]


def faults(kind: str, among: Iterable[str] | None = None) -> dict[str, PluginError]:
    """Name -> error, of the names that cannot be used.

    Where two metrics declare the same score, the one with the longer name, most often a copy of the other, is refused.

    Args:
        kind: of `DEFINITIONS`.
        among: registered names, which are imported; None: all of that kind.
    """
    broken, owner = {}, dict[str, str]()
    for name in sorted(names(kind) if among is None else among, key=lambda name: (len(name), name)):
        try:
            plugin = load(kind, name)
            scores = plugin.metric.scores if kind == "metrics" else ()
            for score, other in ((s, o) for s in scores for n, o in owner.items() if fnmatch(s, n) or fnmatch(n, s)):
                raise PluginError(f"the metric {name!r} declares {score!r}, a score of {other!r}: name it otherwise")
            owner |= dict.fromkeys(scores, name)
        except PluginError as fault:
            broken[name] = fault
    return broken


def _bears(value: Any, mark: str) -> bool:
    """Whether the decorator of that name was applied to a function or class itself, not to a base class."""
    declared = getattr(value, "__dict__", {}).get(mark)
    return type(declared).__module__ == f"bench.{mark}s.base"


def _broken_promise(kind: str, name: str, module: ModuleType, defined: list[str]) -> str:
    """The error text for a module that does not define what its name promises, and how to mend it."""
    mark, definition = kind.rstrip("s"), DEFINITIONS[kind].format(name=name)
    if not name.isidentifier():
        mend = (
            f"name the file in letters, digits and underscores, and define in it {definition.replace(f' `{name}`', '')}"
        )
    elif defined:
        mend = f"it defines {', '.join(defined)}; define {definition} and nothing else under @{mark}"
    elif callable(getattr(module, name, None)):
        mend = f"`{name}` is there, but not under @{mark}; define {definition}"
    else:
        mend = f"nothing in it is under @{mark}; define {definition}"
    return f"{_file(module)} must define the {mark} {name!r} and does not: {mend}"


def _file(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or module.__name__)

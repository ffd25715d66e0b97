"""Finds metrics and models by file name, imports them only when they are used.

A file `bench/metrics/foo.py` that defines a function `foo` under `@metric(...)` is the metric `foo`; a file
`bench/models/foo.py` that defines a class under `@model()` is the model `foo`. Nothing is imported to list
names, so a broken plug-in breaks only itself. Other distributions add theirs through the entry-point groups
`bench.metrics`, `bench.models` and `bench.data` (name = module).
"""

import difflib
import importlib
import importlib.metadata
import re
import traceback
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_MARKS = {"metrics": r"^@metric\((.|\n)*^def {name}\(", "models": r"^@model\(\)\nclass "}


class UnknownNameError(ValueError):
    """A name that nothing is registered under; the message offers the nearest ones."""


class PluginError(RuntimeError):
    """A registered file that cannot be imported; the message names the file and the fault."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to two names that one may have meant: those spelt alike, else those it abbreviates, as lr learning_rate."""
    known = sorted(known)
    name = str(name)
    spelt_alike = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    initials = {k: "".join(part[:1] for part in k.split("_")) for k in known}
    return spelt_alike or [k for k in known if initials[k] == name or (len(name) > 1 and k.startswith(name))][:2]


def unknown(kind: str, name: str, known: Iterable[str], near: Sequence[str] | None = None) -> UnknownNameError:
    """The error for an unknown name: what was asked, what is near, what there is."""
    known = sorted(set(known))
    near = nearest(name, known) if near is None else near
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return UnknownNameError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")


def entry_points(kind: str) -> dict[str, str]:
    """Plug-ins of other distributions: name -> module path, for `kind` in metrics, models, data."""
    return {e.name: e.value for e in importlib.metadata.entry_points(group=f"bench.{kind}")}


@cache
def modules(kind: str) -> dict[str, str]:
    """Every registered name of `kind` ("metrics" or "models") and the module that holds it, importing none."""
    folder = Path(__file__).parent / kind
    own = {
        f.stem: f"bench.{kind}.{f.stem}"
        for f in sorted(folder.glob("*.py"))
        if re.search(_MARKS[kind].format(name=f.stem), f.read_text(encoding="utf-8"), re.M)
    }
    return own | {n: m for n, m in sorted(entry_points(kind).items()) if n not in own}


def names(kind: str) -> list[str]:
    """Registered names of `kind`, sorted."""
    return sorted(modules(kind))


def import_plugin(kind: str, name: str, module: str) -> ModuleType:
    """Import one plug-in's module.

    Raises:
        PluginError: the module cannot be imported; the message names its file and the fault.
    """
    try:
        return importlib.import_module(module)
    except Exception as fault:
        frames = [f for f in traceback.extract_tb(fault.__traceback__) if "importlib" not in f.filename]
        where = fault.filename if isinstance(fault, SyntaxError) else frames[-1].filename if frames else module
        line = fault.lineno if isinstance(fault, SyntaxError) else frames[-1].lineno if frames else None
        raise PluginError(
            f"the {kind} plug-in {name!r} ({module}) cannot be imported: "
            f"{type(fault).__name__}: {fault} [{where}:{line}]"
        ) from fault


def load(kind: str, name: str) -> Any:
    """The registered function or class of a name.

    Raises:
        UnknownNameError: nothing is registered under that name.
        PluginError: its file cannot be imported or does not define what its name promises.
    """
    known = modules(kind)
    if name not in known:
        raise unknown(kind.rstrip("s"), name, known)
    module = import_plugin(kind, name, known[name])
    mark = kind.rstrip("s")
    found = [v for v in vars(module).values() if name == getattr(getattr(v, mark, None), "name", None)]
    if len(found) != 1:
        raise PluginError(f"{module.__file__} must define exactly one @{mark}(...) named {name!r}")
    return found[0]

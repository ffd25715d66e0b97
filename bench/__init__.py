"""A large-scale benchmark of learned representations, in the manner of Locatello et al. (ICML 2019).

```
data  = bench.load_data("dsprites")                # images and factors, read by index
codes = bench.encode(model_or_callable, data)      # mean and log-variance of every image
bench.score(codes.mean, data.factors(codes.index)) # score name -> value; any (N, D) and (N, F) arrays
bench.score({"a": a, "b": b}, factors)             # several representations of the same rows, side by side
bench.scores(study="quick")                        # the long score table, a pandas.DataFrame
bench.load_model("beta_vae", strength=5)           # a trained model that ships, with encode and decode
```
"""

from typing import TYPE_CHECKING, Any

__version__ = "1.0.0rc1"
__all__ = ["encode", "load_data", "load_model", "score", "scores"]

if TYPE_CHECKING:
    from bench.data import load_data
    from bench.scoring.codes import encode
    from bench.scoring.score import score
    from bench.table.scores import scores
    from bench.training.catalogue import load_model

_HOME = {
    "encode": "bench.scoring.codes",
    "load_data": "bench.data",
    "load_model": "bench.training.catalogue",
    "score": "bench.scoring.score",
    "scores": "bench.table.scores",
}
# a module whose functions are named with it: `bench.reference.read_reference()`
_MODULES = {"reference": "bench.table.reference"}


def __getattr__(name: str) -> Any:
    """The public functions, imported on first use: `import bench` alone stays instant."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])

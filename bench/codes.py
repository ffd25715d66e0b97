"""A data set's codes: encoded once, then read by every metric without touching the network again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.store import RunFolder, StoreError, digest, read_arrays, write_arrays

Encoder = Callable[[NDArray[np.float32]], Any]


class EncodingError(ValueError):
    """A model's codes are not usable: wrong shape, NaN or infinite."""


@dataclass(frozen=True)
class Codes:
    """Codes of some images of a data set.

    Attributes:
        mean: (N, D) float32.
        logvar: (N, D) float32, or None for a deterministic code.
        index: (N,) which images.
    """

    mean: NDArray[np.float32]
    logvar: NDArray[np.float32] | None
    index: NDArray[np.int64]

    def representation(self, kind: str, identity: str) -> NDArray[np.float32]:
        """The codes a metric reads: "mean", or "sampled" from N(mean, exp(logvar)), the same for an identity.

        Raises:
            ValueError: sampled codes of a deterministic model.
        """
        if kind == "mean":
            return self.mean
        if self.logvar is None:
            raise ValueError("a deterministic code has no sampled representation")
        noise = _standard_normal(identity, self.mean.shape)
        return (self.mean + np.exp(self.logvar / 2) * noise).astype(np.float32, copy=False)

    def save(self, folder: RunFolder) -> None:
        """Write the codes into a run's folder."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "index": self.index}
        if self.logvar is not None:
            arrays["logvar"] = self.logvar
        write_arrays(folder.codes(len(self.index)), arrays)


def load(folder: RunFolder, index: NDArray[np.int64]) -> Codes | None:
    """Stored codes of exactly these images; None where there are none (unreadable ones count as none)."""
    try:
        arrays, _ = read_arrays(folder.codes(len(index)))
        if not np.array_equal(arrays["index"], index):
            return None
        mean, logvar = (_checked(n, [arrays[n]], len(index)) if n in arrays else None for n in ("mean", "logvar"))
    except (StoreError, LookupError, ValueError):
        return None
    return None if mean is None else Codes(mean, logvar, arrays["index"])


def encode(encoder: Any, data: DataSet, index: NDArray[np.int64] | None = None, batch_size: int = 512) -> Codes:
    """Encode images of a data set, all of them unless `index` says which.

    Args:
        encoder: a learner, or any callable from images (n, height, width, channels), float32 in [0, 1], to codes
            (n, D) or to a pair (mean, logvar).
        data: the data set.
        index: which images, (N,).
        batch_size: images a call.

    Raises:
        EncodingError: the codes are not (n, D) real finite numbers.
    """
    index = np.arange(len(data)) if index is None else np.asarray(index, np.int64)
    call: Encoder = encoder.encode if hasattr(encoder, "encode") else encoder
    parts = [_pair(call(data.images(index[i : i + batch_size]))) for i in range(0, len(index), batch_size)]
    mean = _checked("mean", [m for m, _ in parts], len(index))
    if parts[0][1] is None:
        return Codes(mean, None, index)
    return Codes(mean, _checked("log-variance", [v for _, v in parts], len(index)), index)


def pool(data: DataSet, size: int | None) -> NDArray[np.int64]:
    """The images that are encoded for scoring, the same for every run: `size` random ones, or all (None)."""
    if size is None or size >= len(data):
        return np.arange(len(data))
    seed = int(digest(["pool", data.card.name, size]), 16)
    return np.sort(np.random.default_rng(seed).choice(len(data), size, replace=False))


def _pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, None)


def _checked(name: str, parts: list[Any], rows: int) -> NDArray[np.float32]:
    codes = np.concatenate([np.asarray(p, dtype=np.float32) for p in parts])
    if codes.ndim != 2 or len(codes) != rows:
        raise EncodingError(f"the encoder's {name} must be ({rows}, D), got {codes.shape}")
    if not np.isfinite(codes).all():
        raise EncodingError(f"the encoder's {name} has {(~np.isfinite(codes)).sum()} NaN or infinite values")
    return codes


def _standard_normal(identity: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    seed = int(digest(["sampled", identity]), 16)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

"""A data set's codes: encoded once, then read by every metric without touching the network again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.arrays import numbers
from bench.data import card
from bench.data.base import DataSet
from bench.models.base import Fitted, Learner
from bench.scoring.encoder_output import mean_and_logvar
from bench.store.files import StoreError, generator_of, read_arrays, write_arrays
from bench.store.folders import RunFolder

Encoder = Callable[[NDArray[np.float32]], Any]
LARGEST_LOGVAR = 170.0  # beyond it, draws of the normal distribution may exceed the 1e38 that codes may have


class EncodingError(ValueError):
    """A model's codes cannot be used: no array or pair of arrays, wrong shape, NaN or infinite values."""


@dataclass(frozen=True, repr=False)
class Codes:
    """Codes of some images of a data set.

    Attributes:
        mean: (N, D) float32.
        logvar: (N, D) float32, or None for a deterministic code.
        index: (N,) which images.
        values: (N, F) numeric values of the images' factors, as in `DataSet.values`; None: only classes are known.
    """

    mean: NDArray[np.float32]
    logvar: NDArray[np.float32] | None
    index: NDArray[np.int64]
    values: NDArray[np.float64] | None = None

    def representation(self, kind: str, identity: str) -> NDArray[np.float32]:
        """The codes that a metric reads: "mean", or "sampled" from N(mean, exp(logvar)) with a seed made of `identity`.

        Raises:
            ValueError: sampled codes of a deterministic model.
            EncodingError: a log-variance is too large.
        """
        if kind == "mean":
            return self.mean
        if self.logvar is None:
            raise ValueError("a deterministic code has no sampled representation")
        check_logvar(self.logvar, self.mean.shape)
        noise = generator_of(["sampled", identity]).standard_normal(self.mean.shape, dtype=np.float32)
        return (self.mean + np.exp(self.logvar / 2) * noise).astype(np.float32, copy=False)

    def __repr__(self) -> str:
        logvar = None if self.logvar is None else self.logvar.shape
        return f"Codes(mean={self.mean.shape}, logvar={logvar}, index={self.index.shape})"

    def save(self, folder: RunFolder) -> None:
        """Write the codes into a run's folder."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "index": self.index}
        if self.logvar is not None:
            arrays["logvar"] = self.logvar
        write_arrays(folder.codes(len(self.index)), arrays)


def load(folder: RunFolder, index: NDArray[np.int64], rows: NDArray[np.int64] | None = None) -> Codes | None:
    """Stored codes of exactly these images; None if there are none, or they cannot be read.

    Args:
        folder: of the run.
        index: the images that are encoded.
        rows: the rows of the index to read; None: all.
    """
    expected = index if rows is None else index[rows]
    try:
        arrays, _ = read_arrays(folder.codes(len(index)), rows)
        if not np.array_equal(arrays["index"], expected):
            return None
        mean, logvar = (_checked(n, arrays[n], len(expected)) if n in arrays else None for n in ("mean", "logvar"))
    except (StoreError, LookupError, ValueError):
        return None
    return None if mean is None else Codes(mean, logvar, arrays["index"])


def check_logvar(logvar: NDArray[Any], shape: tuple[int, ...], name: str = "logvar") -> None:
    """Check that a log-variance has the mean's shape, and that its standard deviation fits 32-bit floats.

    Raises:
        EncodingError: it does not; the message says where.
    """
    if logvar.shape != shape:
        raise EncodingError(f"{name} has shape {logvar.shape}, codes have {shape}")
    if logvar.max() > LARGEST_LOGVAR:
        row, dim = np.unravel_index(logvar.argmax(), shape)
        raise EncodingError(
            f"{name} is {logvar[row, dim]:.4g} at row {row}, dim {dim}: its exp(logvar / 2) leaves the range of 32-bit "
            f"floats, up to {LARGEST_LOGVAR:g} are taken; is it a variance?"
        )


def encode(
    encoder: Any, data: DataSet, index: "ArrayLike | None" = None, batch_size: int = 512, device: str = "auto"
) -> Codes:
    """Encode images of a data set: those of `index`, or all.

    Args:
        encoder: a learner or any object with `encode`, or any callable, from images (n, height, width, channels),
            float32 in [0, 1], to codes (n, D), to a pair (mean, logvar), or to a dict, named tuple, output object or
            normal distribution with mean and logvar, std or variance under one of their usual names (those of
            `bench.scoring.encoder_output`). Arrays and tensors may be of any library and on any device.
        data: the data set.
        index: which images, (N,); None: all.
        batch_size: images a call; a GPU has its own.
        device: where a model of the suite encodes: "auto" (a GPU if there is one), "cpu" or a device of torch; any
            other encoder computes where it is.

    Raises:
        EncodingError: the encoder cannot be called, or its codes are not (n, D) real finite numbers; the message says
            which, and what an encoder should return.
        IndexError: an index is outside the data set.
    """
    if not hasattr(data, "images"):
        raise EncodingError(f"a {type(data).__name__} is no data set: bench.load_data('dsprites') gives one")
    rows = np.arange(len(data)) if index is None else np.atleast_1d(numbers(index, "index"))
    call: Encoder = encoder.encode if hasattr(encoder, "encode") else encoder
    if isinstance(encoder, str) or not callable(call):  # `str` has a method `encode`
        mend = ", such as lambda images: pca.transform(images.reshape(len(images), -1))"
        raise EncodingError(
            f"a {type(encoder).__name__} is no encoder: a function of images, or an object with encode"
            f"{mend if hasattr(encoder, 'transform') else ''}"
        )
    if not isinstance(batch_size, Integral):
        raise EncodingError(f"batch_size must be an integer from 1, got {batch_size!r}")
    if rows.size == 0 or batch_size < 1:
        raise EncodingError(f"nothing to encode: {rows.size} images, {batch_size} a call")
    if (gpu_codes := _on_gpu(encoder, data, rows, device)) is not None:
        return gpu_codes
    batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    mean, logvar = _gathered((_read(_output(call, data.images(batch)), len(batch)) for batch in batches), len(rows))
    if logvar is not None and not isinstance(encoder, Learner):  # models of the suite are still scored by their means
        check_logvar(logvar, mean.shape, "the encoder's log-variance")
    return Codes(mean, logvar, rows.astype(np.int64, copy=False))


def _output(call: Encoder, images: NDArray[np.float32]) -> Any:
    """What an encoder returns; a fault of its own says what it was given."""
    try:
        return call(images)
    except Exception as fault:
        given = f"a numpy array, {images.dtype} {images.shape}"
        owner = getattr(call, "__self__", call)
        is_module = hasattr(owner, "parameters") and hasattr(owner, "eval") and not isinstance(owner, Learner)
        if is_module and isinstance(fault, TypeError | AttributeError):  # it takes tensors
            raise EncodingError(
                f"a {type(owner).__name__} does not take images as they are, {given}: give lambda images: "
                "network(torch.tensor(images).permute(0, 3, 1, 2)), and call network.eval() before"
            ) from fault
        fault.add_note(f"while encoding images, {given}")
        raise


def _on_gpu(encoder: Any, data: DataSet, index: NDArray[Any], device: str) -> Codes | None:
    """Codes from a GPU; None if there is none, it may not be used, or the encoder is not a model that can be moved."""
    if device == "cpu" or not isinstance(encoder, Learner) or isinstance(encoder, Fitted):
        return None
    import torch

    from bench.models.parts.stacked import Stacked
    from bench.scoring.device_codes import device_codes

    if not isinstance(encoder, Stacked) or (device == "auto" and not torch.cuda.is_available()):
        return None
    try:
        place = torch.device("cuda" if device == "auto" else device)
    except RuntimeError as fault:
        raise EncodingError(f"there is no device {device!r}: auto, cpu, or one of torch such as cuda:0") from fault
    ((mean, logvar),) = device_codes([encoder], data, index, place)
    return checked_codes(mean, logvar, index)


def checked_codes(mean: NDArray[Any], logvar: NDArray[Any] | None, index: NDArray[Any]) -> Codes:
    """Codes of images from the arrays that a model returned.

    Raises:
        EncodingError: they are not (N, D) finite numbers.
    """
    rows = len(index)
    spread = None if logvar is None else _checked("log-variance", logvar, rows)
    return Codes(_checked("mean", mean, rows), spread, index.astype(np.int64, copy=False))


def pool(data: DataSet, size: int | None) -> NDArray[np.int64]:
    """Indices of the images that are encoded for scoring, the same for every run: `size` random ones, or all (None)."""
    return places(data, len(data), size)


def places(data: DataSet, total: int, size: int | None) -> NDArray[np.int64]:
    """`size` random numbers below `total`, sorted, the same for every run on a data set; or all (None)."""
    if size is None or size >= total:
        return np.arange(total)
    return np.sort(generator_of(["pool", data.card.name, size]).choice(total, size, replace=False))


def pool_size(dataset: str, size: int | None) -> int:
    """The number of images of a data set that `pool` chooses."""
    available = card(dataset).num_images
    return available if size is None else min(size, available)


def _read(output: Any, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Mean and log-variance of a batch, (rows, D) each."""
    try:
        mean, logvar = mean_and_logvar(output, "the encoder's output")
        checked = _checked("mean", mean, rows)
        if logvar is None:
            return checked, None
        return checked, _checked("log-variance", logvar, rows)
    except ValueError as fault:
        raise EncodingError(str(fault)) from fault


def _checked(name: str, values: NDArray[Any], rows: int) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # values beyond 32-bit floats become infinite
        codes = values.astype(np.float32, copy=False)
    if codes.ndim != 2 or len(codes) != rows or not codes.size:
        mend = ": .reshape(len(images), -1) flattens it" if codes.ndim > 2 and len(codes) == rows else ""
        raise EncodingError(f"the encoder's {name} must be ({rows}, D), got {codes.shape}{mend}")
    if not np.isfinite(codes).all():
        raise EncodingError(f"the encoder's {name} has {(~np.isfinite(codes)).sum()} NaN or infinite values")
    return codes


def _gathered(
    batches: Iterable[tuple[NDArray[np.float32], NDArray[np.float32] | None]], rows: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Mean and log-variance of all batches, (rows, D) each, written into one array as they come.

    A list of thousands of small arrays would fragment memory, so that the process could not return it.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    widths: dict[str, set[int]] = {"mean": set(), "log-variance": set()}
    start = 0
    for batch in batches:
        for name, part in zip(widths, batch, strict=True):
            widths[name].add(0 if part is None else part.shape[1])
            if len(widths[name]) > 1:
                shown = " dims, then ".join(map(str, sorted(widths[name])))
                raise EncodingError(f"the encoder's {name} has {shown} dims")
            if part is not None:
                if start == 0:
                    arrays[name] = np.empty((rows, part.shape[1]), np.float32)
                arrays[name][start : start + len(part)] = part
        start += len(batch[0])
    return arrays["mean"], arrays.get("log-variance")

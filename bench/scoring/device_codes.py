"""Codes of trained models, encoded on a GPU: each batch of images is read there once, for several models.

They are those of a CPU within rounding: products are of 32-bit floats, never of tf32, whatever the models trained with.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data import load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.pool import report, tell
from bench.scoring import codes as coding
from bench.scoring.codes import EncodingError
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.study.run import Run

if TYPE_CHECKING:
    import torch

    from bench.models.parts.stacked import Stacked

IMAGES = 2048  # a batch; halved where the device's memory does not do
MODELS = 12  # that read each batch: their codes of all of dSprites take 59 MB each


@dataclass(frozen=True)
class Encoding:
    """Trained runs without stored codes, all of models that are trained by gradient steps.

    Attributes:
        runs: of any models and data sets.
        pool: how many images of a data set are encoded; None: all.
        device: where, as torch names it.
    """

    runs: tuple[Run, ...]
    pool: int | None
    device: str


def encode_runs(encoding: Encoding, path: Path) -> None:
    """In a worker: encode runs and store their codes; the parent is told the id of each, in the order of storing.

    A run whose weights or codes are not usable is passed over: whoever scores it finds out and writes down why.

    Args:
        encoding: which runs.
        path: of their store.
    """
    import torch

    from bench.models.parts.stacked import Stacked
    from bench.training.train import load_learner

    store, device = Store(path), torch.device(encoding.device)
    for runs in _alike(encoding.runs):
        data = at_size(load_data(runs[0].dataset), runs[0].schedule.image_size)
        index, models = coding.pool(data, encoding.pool), list[Stacked]()
        readable = []
        for run in runs:
            try:
                learner = load_learner(run, store.run(run.id))
            except StoreError:
                continue
            if isinstance(learner, Stacked):
                models.append(learner)
                readable.append(run)
        report(0, f"encoding {len(models)} runs of {runs[0].model} on {runs[0].dataset}")
        for run, (mean, logvar) in zip(readable, device_codes(models, data, index, device), strict=True):
            with suppress(EncodingError):
                coding.checked_codes(mean, logvar, index).save(store.run(run.id))
                tell(run.id)


def device_codes(
    models: "Sequence[Stacked]", data: DataSet, index: NDArray[np.int64], device: "torch.device"
) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
    """Mean and log-variance (N, D) of images for each model, which is left where it was; None: it has no variance.

    Args:
        models: single ones, for images of the same size.
        data: the data set.
        index: which images, (N,).
        device: where they are encoded.
    """
    import torch

    from bench.data.reader import images_on

    source, places = images_on(device, data), [next(model.parameters()).device for model in models]
    parts: list[list[tuple[torch.Tensor, torch.Tensor | None]]] = [[] for _ in models]
    size, start, rows = IMAGES, 0, torch.from_numpy(np.ascontiguousarray(index, np.int64)).to(device)
    try:
        for model in models:
            model.to(device)
        with torch.inference_mode(), _whole_products():
            while start < len(rows):
                batch = rows[start : start + size]
                try:
                    images = source.read(batch, torch.zeros(len(batch), dtype=torch.int32, device=device))[None]
                    coded = [model.codes_of(images) for model in models]
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size //= 2
                    continue
                for known, (mean, logvar) in zip(parts, coded, strict=True):
                    known.append((mean[0], None if logvar is None else logvar[0]))
                start += size
    finally:
        for model, place in zip(models, places, strict=True):
            model.to(place)
    for known in parts:
        means, logvars = zip(*known, strict=True)
        yield _joined(means), None if logvars[0] is None else _joined(logvars)


def _joined(batches: "Sequence[torch.Tensor]") -> NDArray[Any]:
    import torch

    joined: NDArray[Any] = torch.cat(list(batches)).cpu().numpy()
    return joined


@contextmanager
def _whole_products() -> Iterator[None]:
    """No tf32 in here, whatever the process was set to."""
    import torch

    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions


def _alike(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs of one data set and size of image, a few at a time."""
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.schedule.image_size), []).append(run)
    for group in groups.values():
        for start in range(0, len(group), MODELS):
            yield group[start : start + MODELS]

"""Codes of trained models, encoded on a GPU: each batch of images is read once, for several models.

They equal those of a CPU within rounding: products are of 32-bit floats, never tf32, whatever the models trained with.
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
from bench.values import counted

if TYPE_CHECKING:
    import torch

    from bench.models.parts.stacked import Stacked

IMAGES = 2048  # a batch; halved if the device runs out of memory
MODELS = 12  # that encode each batch; the codes of all of dSprites take 59 MB for each
Encoded = tuple[str, int | None]  # id of a run, and how many images were encoded; None: all


@dataclass(frozen=True)
class Encoding:
    """Trained runs to encode, without stored codes, of models that are trained by gradient steps.

    Attributes:
        runs: of any models and data sets, each with the number of images to encode; None: all.
        device: of torch.
    """

    runs: tuple[tuple[Run, int | None], ...]
    device: str


def encode_runs(encoding: Encoding, path: Path) -> None:
    """In a worker: encode runs and store their codes; of each the parent is told, as `Encoded`, after it is stored.

    A run whose weights or codes cannot be used is skipped; its scoring will record the reason.

    Args:
        encoding: the runs.
        path: of their store.
    """
    import torch

    from bench.models.parts.stacked import Stacked
    from bench.training.train import load_learner

    store, device = Store(path), torch.device(encoding.device)
    for runs, images in _batches_of_runs(encoding.runs):
        data = at_size(load_data(runs[0].dataset), runs[0].schedule.image_size)
        index, models = coding.pool(data, images), list[Stacked]()
        readable = []
        for run in runs:
            try:
                learner = load_learner(run, store.run(run.id))
            except StoreError:
                continue
            if isinstance(learner, Stacked):
                models.append(learner)
                readable.append(run)
        report(0, f"encoding {counted(len(models), 'run')} of {runs[0].model} on {runs[0].dataset}")
        for run, (mean, logvar) in zip(readable, device_codes(models, data, index, device), strict=True):
            with suppress(EncodingError):
                coding.checked_codes(mean, logvar, index).save(store.run(run.id))
                tell((run.id, images))


def device_codes(
    models: "Sequence[Stacked]", data: DataSet, index: NDArray[np.int64], device: "torch.device"
) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
    """Yield mean and log-variance (N, D) of images for each model; None: it has no variance.

    Args:
        models: single models for images of the same size; they are moved back to their devices at the end.
        data: the data set.
        index: which images, (N,).
        device: where they are encoded.
    """
    import torch

    from bench.data.reader import images_on

    source, origins = images_on(device, data), [next(model.parameters()).device for model in models]
    batches_of: list[list[tuple[torch.Tensor, torch.Tensor | None]]] = [[] for _ in models]
    size, start, rows = IMAGES, 0, torch.from_numpy(np.ascontiguousarray(index, np.int64)).to(device)
    try:
        for model in models:
            model.to(device)
        with torch.inference_mode(), _without_tf32():
            while start < len(rows):
                batch = rows[start : start + size]
                try:
                    images = source.read(batch, torch.zeros(len(batch), dtype=torch.int32, device=device))[None]
                    outputs = [model.codes_of(images) for model in models]
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size //= 2
                    continue
                for batches, (mean, logvar) in zip(batches_of, outputs, strict=True):
                    batches.append((mean[0], None if logvar is None else logvar[0]))
                start += size
    finally:
        for model, origin in zip(models, origins, strict=True):
            model.to(origin)
    for batches in batches_of:
        means, logvars = zip(*batches, strict=True)
        yield _joined(means), None if logvars[0] is None else _joined(logvars)


def _joined(batches: "Sequence[torch.Tensor]") -> NDArray[Any]:
    import torch

    joined: NDArray[Any] = torch.cat(list(batches)).cpu().numpy()
    return joined


@contextmanager
def _without_tf32() -> Iterator[None]:
    """In this block products do not use tf32, whatever the settings of the process."""
    import torch

    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions


def _batches_of_runs(runs: Sequence[tuple[Run, int | None]]) -> Iterator[tuple[list[Run], int | None]]:
    """Up to `MODELS` runs of one data set and image size at a time, and the number of images to encode."""
    groups: dict[tuple[str, int, int | None], list[Run]] = {}
    for run, images in runs:
        groups.setdefault((run.dataset, run.schedule.image_size, images), []).append(run)
    for (_, _, images), group in groups.items():
        for start in range(0, len(group), MODELS):
            yield group[start : start + MODELS], images

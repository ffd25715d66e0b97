"""Samples of a stochastic gradient at the same weights and on the same images, to measure its variance."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.reader import images_on
from bench.models.parts.stacked import Stacked
from bench.study.run import Run
from bench.training.batches import Batches
from bench.training.train import new_learner, training_images


def encoder_gradients(run: Run, weights: Mapping[str, NDArray[Any]], draws: int) -> Tensor:
    """Samples of the encoder's gradient of a run's loss, (draws, weights of the encoder); only latent noise differs.

    Args:
        run: gives the objective, the batch size and the images (those of its first batch).
        weights: at which the gradient is taken, such as another run's.
        draws: number of samples, computed as one stack of copies.

    Raises:
        ModelError: the weights are those of another architecture.
    """
    single, copies = new_learner([run]), new_learner([run] * draws)
    assert isinstance(single, Stacked)
    assert isinstance(copies, Stacked)
    for k in range(draws):
        copies.load_member(k, weights)
    source = images_on(torch.device("cpu"), training_images(run))
    batch, start = run.schedule.batch_size, torch.zeros(1, dtype=torch.int32)
    first_batch = Batches(source, single, [run.seed], batch).read(start)
    inputs: dict[str, Any] = {name: part.expand(draws, *part.shape[1:]) for name, part in first_batch.items()}
    inputs["noise"] = Batches(source, copies, range(draws), batch).noise(start)
    encoder = [p for n, p in copies.learned().items() if n.startswith("encoder.")]
    gradients = torch.autograd.grad(copies.losses(**inputs, step=start)["loss"].sum(), encoder)
    return torch.cat([g.flatten(1) for g in gradients], dim=1)

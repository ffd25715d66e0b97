"""Draws of a stochastic gradient at the same weights and on the same images, to measure its variance."""

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
    """The encoder's gradient of a run's loss, (draws, weights of the encoder), each with latent noise of its own.

    Args:
        run: with the objective, the batch size and, as its first batch, the images.
        weights: at which the gradient is taken, such as another run's.
        draws: of the gradient, computed as one stack of copies.

    Raises:
        ModelError: the weights are those of another architecture.
    """
    alone, model = new_learner([run]), new_learner([run] * draws)
    assert isinstance(alone, Stacked)
    assert isinstance(model, Stacked)
    for k in range(draws):
        model.load_member(k, weights)
    source = images_on(torch.device("cpu"), training_images(run))
    batch, start = run.schedule.batch_size, torch.zeros(1, dtype=torch.int32)
    read = Batches(source, alone, [run.seed], batch).read(start)
    same: dict[str, Any] = {name: part.expand(draws, *part.shape[1:]) for name, part in read.items()}
    same["noise"] = Batches(source, model, range(draws), batch).noise(start)
    encoder = [p for n, p in model.learned().items() if n.startswith("encoder.")]
    gradients = torch.autograd.grad(model.losses(**same, step=start)["loss"].sum(), encoder)
    return torch.cat([g.flatten(1) for g in gradients], dim=1)

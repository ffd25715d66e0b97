"""A step of every model passes no value between host and device, so that a CUDA graph can hold it."""

from collections.abc import Callable

import pytest
import torch
import yaml

from bench import registry
from bench.data.reader import DeviceImages
from bench.models.parts.stacked import Stacked
from bench.store import shipped
from bench.training.batches import Batches
from bench.training.stack import Stack

MODELS = [n for n in registry.names("models") if issubclass(registry.load("models", n), Stacked)]
GRID = (4, 1, 3, 5)
IMAGES = torch.rand(60, 32, 32, 1, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MODELS)
def test_a_step_stays_on_the_device(name: str, only_on_the_device: Callable[[], None]) -> None:
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    hyper = [entry["hyper"] | ({entry["sweeps"]: entry["values"][1]} if entry["sweeps"] else {})] * 2
    model = registry.load("models", name)((32, 32, 1), "small", 4, (0, 1), hyper)
    source = DeviceImages(lambda index, epoch: IMAGES[index], len(IMAGES), torch.device("cpu"), True, GRID)
    stack = Stack(model, Batches(source, model, (0, 1), 4), 1e-3)
    stack.update()
    only_on_the_device()
    stack.update()
    stack.update(curves=True)
    assert len(stack.record) == 1

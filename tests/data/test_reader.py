"""Images made on a device are the images that the CPU reads."""

import numpy as np
import pytest
import torch

from bench import registry
from bench.data import _loaded, load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.data.reader import DeviceImages, images_on
from bench.training.batches import Batches

CPU = torch.device("cpu")


@pytest.mark.parametrize(("size", "tolerance"), [(64, 0), (32, 1e-6)])
def test_resident_images_are_those_of_the_cpu(dataset: DataSet, size: int, tolerance: float) -> None:
    data = at_size(dataset, size)
    resident = data.resident(CPU)
    assert resident is not None
    index = np.random.default_rng(0).integers(len(data), size=40)
    epoch = np.arange(40, dtype=np.int32) * 1000
    images = resident(torch.from_numpy(index), torch.from_numpy(epoch))
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images.numpy(), data.images(index, epoch), rtol=0, atol=tolerance)


MODELS = {
    "beta_vae": {"beta": 1.0},
    "ada_gvae": {"beta": 1.0, "changes": -1.0},
    "dc_ign": {"invariance": 0.01, "images": 4},
}


@pytest.mark.parametrize(
    ("name", "model"),
    [*((n, "beta_vae") for n in ("noisy_dsprites", "color_dsprites", "mnist")), *(("dsprites", m) for m in MODELS)],
)
def test_what_a_step_reads_is_one_graph_for_the_compiler(name: str, model: str) -> None:
    data = at_size(load_data(name), 32)
    resident = data.resident(CPU)
    assert resident is not None
    source = DeviceImages(resident, len(data), CPU, True, data.card.factor_sizes if data.card.grid else ())
    step = torch.tensor([7], dtype=torch.int32)
    learner = registry.load("models", model)(data.card.image_shape, "small", 10, [3, 4], [MODELS[model]] * 2)
    batches = Batches(source, learner, [3, 4], 8)
    torch.compiler.reset()
    compiled = torch.compile(batches.read, backend="eager", fullgraph=True, dynamic=False)
    for ours, expected in zip(compiled(step).values(), batches.read(step).values(), strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("name", ["rooms3d", "xyobject"])
def test_images_that_are_computed_are_one_graph_for_the_compiler(name: str, request: pytest.FixtureRequest) -> None:
    if name == "rooms3d":
        request.getfixturevalue("stand_in")(name)
    resident = _loaded.__wrapped__(name).resident(CPU)
    assert resident is not None
    index, epoch = torch.arange(0, 4000, 500), torch.zeros(8, dtype=torch.int32)
    torch.compiler.reset()
    compiled = torch.compile(resident, backend="eager", fullgraph=True, dynamic=False)
    assert torch.equal(compiled(index, epoch), resident(index, epoch))


def test_on_the_cpu_nothing_is_held_twice() -> None:
    data = load_data("dsprites")
    source = images_on(CPU, data)
    assert source.on_device
    assert source.total == len(data)
    index = torch.arange(5)
    np.testing.assert_array_equal(
        source.read(index, torch.zeros(5, dtype=torch.int32)).numpy(), data.images(index.numpy())
    )

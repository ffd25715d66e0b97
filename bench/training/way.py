"""How convolutions are computed, and how many models are stacked, on the device at hand."""

from importlib.util import find_spec

from bench.models.base import ModelError
from bench.study.run import Schedule

KERNELS_FROM = (8, 0)  # compute capability


def way_of(schedule: Schedule, accelerator: str, second_order: bool = False) -> tuple[str, int]:
    """The way to convolve and the number of models in a stack, which the schedule may leave to the device.

    The kernels of `triton`, with the whole fleet as one stack, are the fastest on GPUs that support them; elsewhere the
    library's convolutions with a branch for each model are.

    Raises:
        ModelError: a model of `second_order` is to be trained by kernels.
    """
    chosen, stack = schedule.convolution, schedule.stack
    if second_order and chosen == "triton":
        raise ModelError("the model takes gradients of gradients, which trainer.convolution=triton lacks: set auto")
    if chosen == "auto":
        chosen = "triton" if accelerator == "cuda" and not second_order and _runs_kernels() else "grouped"
    return chosen, stack or (schedule.fleet if chosen == "triton" else 1)


def _runs_kernels() -> bool:
    """Whether this GPU runs the kernels: Triton is installed, and the compute capability is 8.0 or higher."""
    import torch

    return find_spec("triton") is not None and torch.cuda.get_device_capability() >= KERNELS_FROM

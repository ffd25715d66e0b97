"""Adam in the form TensorFlow 1 gave it, which the study used: epsilon outside the bias correction."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

WARMED_UP = 1e12  # a step at which the framework's own bias correction is exactly 1


class Adam(torch.optim.Optimizer):
    """w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)   (Kingma & Ba 2015, before section 2.1's end).

    The framework's fused kernel, which corrects inside the root, is told that it is long past any correction; the
    study's is in the learning rate that it is given. That rate is read from a table by a step that lies on the
    device, so that an update can be part of a CUDA graph. Every operation is elementwise: stacked models are updated
    as if each were alone.

    Args:
        parameters: weights, or groups of them with `betas` of their own.
        lr: learning rate.
        betas: decay of the two moments.
        eps: of the denominator.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        for group in self.param_groups:
            first = group["params"][0]
            group["rates"] = corrected_rates(group["lr"], *group["betas"]).to(first.device)
            group["steps"] = [torch.tensor(WARMED_UP, device=first.device) for _ in group["params"]]
            for p in group["params"]:
                self.state[p] = {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}

    @torch.no_grad()
    def update(self, step: Tensor) -> None:
        """One update from the gradients at hand; `step` is the number of updates before it, an integer tensor (1,).

        Raises:
            ValueError: a gradient lies in memory otherwise than its weights: the fused kernel would mix up elements.
        """
        for group in self.param_groups:
            parameters, rates = group["params"], group["rates"]
            m, v = ([self.state[p][part] for p in parameters] for part in ("m", "v"))
            gradients = [p.grad for p in parameters]
            if any(g.stride() != p.stride() for g, p in zip(gradients, parameters, strict=True)):
                raise ValueError("gradients must have the strides of their weights")
            rate = rates[step.long().clamp(max=len(rates) - 1)].squeeze(0)
            beta1, beta2 = group["betas"]
            torch._fused_adam_(
                parameters, gradients, m, v, [], group["steps"], lr=rate, beta1=beta1, beta2=beta2,
                weight_decay=0.0, eps=group["eps"], amsgrad=False, maximize=False,
            )  # fmt: skip


def corrected_rates(lr: float, beta1: float, beta2: float) -> Tensor:
    """lr sqrt(1 - beta2^t) / (1 - beta1^t) for t = 1, 2, ... until it is lr: (steps,) float32."""
    last = math.ceil(math.log(1e-17) / math.log(max(beta1, beta2)))
    t = torch.arange(1, last + 1, dtype=torch.float64)
    return (lr * (1 - beta2**t).sqrt() / (1 - beta1**t)).float()

"""Adam in the form TensorFlow 1 gave it, which the study used: epsilon outside the bias correction."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Adam(torch.optim.Optimizer):
    """w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)   (Kingma & Ba 2015, before section 2.1's end).

    Every operation is elementwise, so stacked models are updated as if each were alone.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        self.steps = 0
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update from the gradients at hand."""
        self.steps += 1
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            parameters = group["params"]
            gradients = [p.grad for p in parameters]
            m = [self.state[p]["m"] for p in parameters]
            v = [self.state[p]["v"] for p in parameters]
            torch._foreach_lerp_(m, gradients, 1 - beta1)
            torch._foreach_mul_(v, beta2)
            torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)
            scale = torch._foreach_sqrt(v)
            torch._foreach_add_(scale, group["eps"])
            rate = group["lr"] * (1 - beta2**self.steps) ** 0.5 / (1 - beta1**self.steps)
            torch._foreach_addcdiv_(parameters, m, scale, -rate)

"""Adam as in TensorFlow 1, which the study used: epsilon is outside the bias correction."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

EPSILON = 1e-8  # of the denominator
WARMED_UP = 1e12  # a step count at which the framework's bias correction is exactly 1


class Adam(torch.optim.Optimizer):
    """w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)   (Kingma & Ba 2015, before section 2.1's end).

    The framework's fused kernel corrects the bias inside the root. It gets a step count so large that its correction is
    1; the study's correction is part of the learning rate. That rate is read from a table by a step count on the
    device, so an update can be part of a CUDA graph. Every operation is elementwise, so stacked models do not affect
    each other.

    A group may be updated at every n-th step only: at other steps the kernel's flag for overflowed gradients is set.
    Each weight of a group may decay (w -= lr rate w, before the update) and have its gradient clipped.

    Args:
        parameters: weights, or groups of weights as dictionaries with "params" and optionally "lr", "betas", "every"
            (update at every n-th step), and, for each weight, a rate in "decays" and a bound of its gradient's elements
            in "limits", each (K,) for K stacked models, or None.
        lr: learning rate.
        betas: decay of the two moments.

    Raises:
        ValueError: "every" of a group is no whole number from 1.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "every": 1, "decays": None, "limits": None}
        super().__init__(parameters, defaults)
        for group in self.param_groups:
            if not isinstance(group["every"], int) or group["every"] < 1:
                raise ValueError(f"every must be a whole number from 1, got {group['every']!r}")
            first = group["params"][0]
            for options in ("decays", "limits"):
                per_weight = group[options] or [None] * len(group["params"])
                group[options] = [_per_member(o, p) for o, p in zip(per_weight, group["params"], strict=True)]
            group["rates"] = corrected_rates(group["lr"], *group["betas"]).to(first.device)
            group["steps"] = [torch.tensor(WARMED_UP, device=first.device) for _ in group["params"]]
            for p in group["params"]:
                self.state[p] = {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}

    @torch.no_grad()
    def update(self, step: Tensor) -> None:
        """One update by the current gradients; `step` is the number of updates before it, an integer tensor (1,).

        Raises:
            ValueError: a gradient has other strides than its weight: the fused kernel would mix up elements.
        """
        for group in self.param_groups:
            parameters, rates = group["params"], group["rates"]
            m, v = ([self.state[p][part] for p in parameters] for part in ("m", "v"))
            gradients = [p.grad for p in parameters]
            if any(g.stride() != p.stride() for g, p in zip(gradients, parameters, strict=True)):
                raise ValueError("gradients must have the strides of their weights")
            every = group["every"]
            updates = step if every == 1 else step // every
            rate = rates[updates.clamp(max=len(rates) - 1).long()].squeeze(0)
            due = None if every == 1 else (step + 1) % every == 0
            for p, decay in zip(parameters, group["decays"], strict=True):
                if decay is not None:
                    p.mul_(1 - group["lr"] * decay * (1 if due is None else due))
            gradients = [
                g if limit is None else torch.clamp(g, -limit, limit, out=torch.empty_like(g))
                for g, limit in zip(gradients, group["limits"], strict=True)
            ]
            beta1, beta2 = group["betas"]
            torch._fused_adam_(
                parameters, gradients, m, v, [], group["steps"], lr=rate, beta1=beta1, beta2=beta2,
                weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False,
                found_inf=None if due is None else (~due).float().squeeze(0),
            )  # fmt: skip


def _per_member(option: Tensor | None, stacked: Tensor) -> Tensor | None:
    """An option (K,) of K models, reshaped to broadcast over a stacked weight (K, ...)."""
    return None if option is None else option.detach().to(stacked.device).view(-1, *[1] * (stacked.dim() - 1))


def corrected_rates(lr: float, beta1: float, beta2: float) -> Tensor:
    """lr sqrt(1 - beta2^t) / (1 - beta1^t) for t = 1, 2, ... until it is lr: (steps,) float32."""
    last = math.ceil(math.log(1e-17) / math.log(max(beta1, beta2)))
    t = torch.arange(1, last + 1, dtype=torch.float64)
    return (lr * (1 - beta2**t).sqrt() / (1 - beta1**t)).float()

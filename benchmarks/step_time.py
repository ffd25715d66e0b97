"""The cost of a training step on one CPU thread: under Lightning, and in the plain PyTorch loop of this file.

python benchmarks/step_time.py [--model beta_vae] [--architecture locatello2019] [--steps 40] [--rounds 5]
"""

import argparse
import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"

import torch
import yaml
from torch import nn
from torch.nn import functional as F

from bench import registry
from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.networks.base import image_sizes
from bench.store import shipped
from bench.training.batches import Batches
from bench.training.fleet import EveryMacroStep, Fleet, fit
from bench.training.stack import Stack

BATCH, LATENT = 64, 10


class PlainVAE(nn.Module):
    """The study's networks in plain layers, without any code of the suite."""

    def __init__(self) -> None:
        super().__init__()
        conv, deconv, linear = nn.Conv2d, nn.ConvTranspose2d, nn.Linear
        self.encoder = nn.Sequential(
            conv(1, 32, 4, 2, 1), nn.ReLU(), conv(32, 32, 4, 2, 1), nn.ReLU(), conv(32, 64, 2, 2), nn.ReLU(),
            conv(64, 64, 2, 2), nn.ReLU(), nn.Flatten(), linear(1024, 256), nn.ReLU(),
        )  # fmt: skip
        self.mean, self.logvar = linear(256, LATENT), linear(256, LATENT)
        self.decoder = nn.Sequential(
            linear(LATENT, 256), nn.ReLU(), linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)),
            deconv(64, 64, 4, 2, 1), nn.ReLU(), deconv(64, 32, 4, 2, 1), nn.ReLU(), deconv(32, 32, 4, 2, 1), nn.ReLU(),
            deconv(32, 1, 4, 2, 1),
        )  # fmt: skip

    def loss(self, x: torch.Tensor, beta: float) -> torch.Tensor:
        h = self.encoder(x)
        mean, logvar = self.mean(h), self.logvar(h)
        logits = self.decoder(mean + (logvar / 2).exp() * torch.randn_like(mean))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2, 3)).mean()
        return reconstruction + beta * 0.5 * (mean**2 + logvar.exp() - logvar - 1).sum(dim=1).mean()


def plain_loop(steps: int) -> float:
    """CPU ms per step: channels-last, torch's Adam, images read from memory."""
    model = PlainVAE().to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(model.parameters(), lr=1e-4)
    data = load_data("dsprites")
    started = time.process_time()
    for _ in range(steps):
        index = torch.randint(len(data), (BATCH,)).numpy()
        x = torch.from_numpy(data.images(index)).permute(0, 3, 1, 2)
        adam.zero_grad()
        model.loss(x, 4.0).backward()
        adam.step()
    return (time.process_time() - started) / steps * 1e3


def suite(model: str, architecture: str, steps: int, *, lightning: bool) -> float:
    """CPU ms per step of the suite's training, with or without Lightning."""
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{model}.yaml").read_text())
    data = at_size(load_data("dsprites"), image_sizes()[architecture] or 64)
    hyper = entry["hyper"] | {entry["sweeps"]: entry["values"][2]}
    learner = registry.load("models", model)(data.card.image_shape, architecture, LATENT, [0], [hyper])
    stack = Stack(learner, Batches(images_on(torch.device("cpu"), data), learner, [0], BATCH), 1e-4)
    fleet = Fleet([stack], log_every=1000)
    started = time.process_time()
    if lightning:
        fit(fleet, steps, "cpu", EveryMacroStep(10**9, lambda k, p: None, lambda step, losses: None), macro_step=50)
    else:
        while fleet.step < steps:
            fleet.update(recorded=False)
            fleet.step += 1
    return (time.process_time() - started) / steps * 1e3


def main() -> None:
    """Measure the arms in turn for several rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="beta_vae")
    parser.add_argument("--architecture", default="locatello2019", choices=image_sizes())
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    arms = {
        "suite under Lightning": lambda n: suite(chosen.model, chosen.architecture, n, lightning=True),
        "suite, bare loop": lambda n: suite(chosen.model, chosen.architecture, n, lightning=False),
        "plain PyTorch beta-VAE": plain_loop,
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for round_ in range(chosen.rounds + 1):
        for name, arm in arms.items():
            spent = arm(chosen.steps)
            if round_:  # the first round is a warm-up
                times[name].append(spent)
    for name, spent in times.items():
        print(f"{name:24} {statistics.median(spent):7.2f} ms a step ({min(spent):.2f} to {max(spent):.2f})")
    first, *others = times
    for other in others:
        ratios = [a / b for a, b in zip(times[first], times[other], strict=True)]
        print(f"{first} / {other}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()

"""Images of a trained model: reconstructions, prior samples, and a walk along each latent dimension."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.data.base import DataSet
from bench.models.base import Images, Learner
from bench.store.files import generator_of
from bench.study.run import Run

SHOWN = 9  # images side by side
SPAN = 2.5  # a walk goes so many standard deviations of the prior to each side
MOST_DIMS = 16  # traversals of a model
NUM_IMAGES = 512  # images over which a dimension's KL is averaged


@dataclass(frozen=True)
class Sights:
    """The images of one run; random choices are the same for all runs on a data set.

    Attributes:
        run: the run.
        label: why it is shown, such as "best".
        images, decoded: (SHOWN, height, width, channels), and their reconstructions.
        samples: (2 SHOWN, ...), decoded from the prior.
        walks: (dims, T, ...): T stations along each of at most `MOST_DIMS` dimensions, with the other dimensions at
            the first image's code.
        statistics: dim, kl (nats; "variance" for a deterministic code), mean_variance; largest first, in the order
            of the walks.
    """

    run: Run
    label: str
    images: Images
    decoded: Images
    samples: Images
    walks: Images
    statistics: pd.DataFrame

    @property
    def setting(self) -> str:
        """The value of the swept hyper-parameter and the seed, in words."""
        swept = "" if self.run.value is None else f"{self.run.sweeps} {self.run.value:g}, "
        return f"{swept}seed {self.run.seed}"

    @property
    def captions(self) -> list[str]:
        """A caption for each walk, its dimension with KL or variance, such as "z3  2.31"."""
        return [f"z{row.iloc[0]:.0f}  {row.iloc[1]:.2f}" for _, row in self.statistics[: len(self.walks)].iterrows()]


def look(learner: Learner, data: DataSet, run: Run, label: str, stations: int = SHOWN) -> Sights:
    """Encode images of a run's data set, and decode reconstructions, samples and walks of so many stations."""
    rng = generator_of(["pictures", run.dataset])
    images = data.images(rng.choice(len(data), min(NUM_IMAGES, len(data)), replace=False))
    mean, logvar = learner.encode(images)
    statistics = _statistics(mean, logvar)
    prior = rng.standard_normal((2 * SHOWN, mean.shape[1])).astype(np.float32)
    walks = [_walk(learner, mean[0], int(dim), stations) for dim in statistics["dim"][:MOST_DIMS]]
    decoded = learner.decode(mean[:SHOWN])
    return Sights(run, label, images[:SHOWN], decoded, learner.decode(prior), np.stack(walks), statistics)


def _statistics(mean: Images, logvar: Images | None) -> pd.DataFrame:
    if logvar is None:
        information, quantity = mean.var(axis=0), "variance"
    else:
        information, quantity = 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0), "kl"
    order = np.argsort(-information, kind="stable")
    return pd.DataFrame({"dim": order, quantity: information[order], "mean_variance": mean.var(axis=0)[order]})


def _walk(learner: Learner, code: Images, dim: int, stations: int) -> Images:
    walk = np.repeat(code[None], stations, axis=0)
    walk[:, dim] = np.linspace(-SPAN, SPAN, stations)
    return learner.decode(walk)

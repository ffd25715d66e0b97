"""Latent traversals of each dimension of a code: the change of the image, and the most informative factor."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.parts.information import dense, discretise, entropy, mutual_information
from bench.models.base import Codes, Images

ENDS = (0.01, 0.99)  # quantiles of a dimension's codes, the ends of its traversal
BINS = 20  # of a dimension's codes, as for the MIG


def traversals(
    codes: Codes,
    factors: NDArray[np.int64],
    names: Sequence[str],
    decode: Callable[[Codes], Images],
    stations: int,
) -> tuple[Images, pd.DataFrame]:
    """Vary each dimension of the first image's code through the middle 98 % of the codes of all images.

    The range is one of codes, not of a prior, because priors and scales of codes differ between models.

    Args:
        codes: of images, (N, D).
        factors: of the same images, (N, F).
        names: of the factors.
        decode: codes to images.
        stations: images per traversal.

    Returns:
        Traversals (D, stations, height, width, channels), those that change the image most first; and a row for each:
        dim, change (root mean square of pixels about their mean over the traversal), low and high (its ends), factor
        (the one with the largest share of its entropy in the dimension) and information (that share).
    """
    low, high = np.quantile(codes, ENDS, axis=0)
    shares = np.linspace(0, 1, stations)
    walks = []
    for dim in range(codes.shape[1]):
        walk = np.repeat(codes[:1], stations, axis=0)
        walk[:, dim] = low[dim] + shares * (high[dim] - low[dim])
        walks.append(decode(walk))
    pictures = np.stack(walks)
    change = np.sqrt(pictures.var(axis=1, dtype=np.float64).mean(axis=(1, 2, 3)))
    classes = dense(factors)
    entropies = entropy(classes)
    information = mutual_information(discretise(codes.astype(np.float64), BINS), classes)
    share = information / np.where(entropies > 0, entropies, 1)
    order = np.argsort(-change, kind="stable")
    rows = pd.DataFrame(
        {"dim": np.arange(codes.shape[1]), "change": change, "low": low, "high": high,
         "factor": [names[k] for k in share.argmax(axis=1)], "information": share.max(axis=1)}
    )  # fmt: skip
    return pictures[order], rows.iloc[order].reset_index(drop=True)

"""What each dimension of a code draws: walks along it, how far they move the picture, and the factor it tells of."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.parts.information import dense, discretise, entropy, mutual_information

Images = NDArray[np.float32]
Codes = NDArray[np.float32]
ENDS = (0.01, 0.99)  # quantiles of a dimension's codes, between which it is walked
BINS = 20  # of a dimension's codes, as MIG has them


def traversals(
    codes: Codes,
    factors: NDArray[np.int64],
    names: Sequence[str],
    decode: Callable[[Codes], Images],
    stations: int,
) -> tuple[Images, pd.DataFrame]:
    """Walk along each dimension from the first image's code, through the middle 98 % of what images have there.

    Priors and scales of codes differ between models; where their codes lie does not depend on either.

    Args:
        codes: of images, (N, D).
        factors: of the same images, (N, F).
        names: of the factors.
        decode: codes to images.
        stations: of a walk.

    Returns:
        Walks (D, stations, height, width, channels), those that change the picture most first; and a row for each of
        them: dim, change (root mean square of pixels about their mean over the walk), low and high (its ends), factor
        and information (the factor that the dimension tells most of, and the share of its entropy that it tells).
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
    whole = entropy(classes)
    known = mutual_information(discretise(codes.astype(np.float64), BINS), classes) / np.where(whole > 0, whole, 1)
    order = np.argsort(-change, kind="stable")
    most = known.argmax(axis=1)
    rows = pd.DataFrame(
        {"dim": np.arange(codes.shape[1]), "change": change, "low": low, "high": high,
         "factor": [names[k] for k in most], "information": known.max(axis=1)}
    )  # fmt: skip
    return pictures[order], rows.iloc[order].reset_index(drop=True)

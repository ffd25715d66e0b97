"""Compares means and deviations of a whole data set with published ones, to detect a wrong reader.

A checksum covers a file, not how it is read. If statistics of all images have been published, they are computed once,
stored in NAME/statistics.json and logged beside the published ones.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.base import DataSet
from bench.data.files import origin
from bench.store.files import StoreError, read_json, write_json

log = logging.getLogger(__name__)

BLOCK = 1024  # images that are read at a time


def measured(data: DataSet) -> dict[str, list[float]]:
    """The mean of each channel over all pixels of all images, and the mean of each image's standard deviation.

    The deviation is that of the pixels of one image and channel, divided by their number less one.
    """
    height, width, channels = data.card.image_shape
    sums = {"mean": np.zeros(channels), "std": np.zeros(channels)}
    for first in range(0, len(data), BLOCK):
        images = data.images(np.arange(first, min(first + BLOCK, len(data)))).reshape(-1, height * width, channels)
        sums["mean"] += images.mean(axis=1, dtype=np.float64).sum(axis=0)
        sums["std"] += images.std(axis=1, ddof=1, dtype=np.float64).sum(axis=0)
    return {name: (total / len(data)).tolist() for name, total in sums.items()}


def check_statistics(data: DataSet, folder: Path) -> bool:
    """Compute the statistics that the card has published values of, once for these files, and warn if they differ.

    Args:
        data: a data set whose files are in place.
        folder: of the downloads.

    Returns:
        Whether they are within the card's tolerance; True if it has none.
    """
    card = data.card
    if not card.statistics:
        return True
    published = {name: card.statistics[name] for name in ("mean", "std") if name in card.statistics}
    path = folder / card.name / "statistics.json"
    made_of = {"version": card.version, "files": [origin(file, folder) for file in card.files]}
    statistics = _recorded(path, made_of)
    if statistics is None:
        log.info("%s: means and deviations of all %s images (once)", card.name, f"{len(data):,}")
        statistics = measured(data)
        with suppress(StoreError):  # a read-only folder: they are computed each time
            write_json(path, {"made_of": made_of, "statistics": statistics})
        for name, numbers in published.items():
            words = _in_words(statistics[name]), _in_words(numbers)
            log.info("%s: %s %s, published %s", card.name, name, *words)
    tolerance = float(card.statistics["within"])
    differences = {name: np.abs(np.subtract(statistics[name], numbers)).max() for name, numbers in published.items()}
    different = [name for name, difference in differences.items() if difference > tolerance]
    for name in different:
        log.warning(
            "%s: the %s of all images is %s, published is %s, more than %g away: the file or its reader is another one",
            card.name, name, _in_words(statistics[name]), _in_words(published[name]), tolerance,
        )  # fmt: skip
    return not different


def _recorded(path: Path, made_of: Mapping[str, Any]) -> Any:
    try:
        match read_json(path):
            case {"made_of": recorded, "statistics": {"mean": [*_], "std": [*_]} as statistics} if recorded == made_of:
                return statistics
    except StoreError:
        pass
    return None


def _in_words(values: Sequence[float]) -> str:
    return " ".join(f"{value:.6f}" for value in values)

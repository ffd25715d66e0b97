"""The place of a run's score in the published box plot of its setting, and how many scores are in the boxes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.store.files import StoreError, read_json
from bench.store.shipped import published

ENDS = ["whisker_low", "q1", "median", "q3", "whisker_high"]
PLACES = (
    "below the whiskers", "first quarter", "second quarter", "third quarter", "fourth quarter", "above the whiskers",
)  # fmt: skip
IN_BOX = PLACES[2:4]


@dataclass(frozen=True)
class BoxPlots:
    """Published box plots.

    Attributes:
        source: `title`, `exactness`, `seeds` (per box), and `schedule` of the models.
        boxes: dataset, model, value, name of the score, and `ENDS`.
    """

    source: Mapping[str, Any]
    boxes: pd.DataFrame

    def is_of(self, schedule: str) -> bool:
        """Whether a schedule's label has the steps and the image size of the published models."""
        size = self.source["schedule"]["image_size"]
        return f"{self.source['schedule']['steps']:,} steps, {size}x{size} px" in schedule


def box_plots() -> BoxPlots:
    """The box plots that come with the package.

    Raises:
        StoreError: a file cannot be read.
    """
    path = published("box_plots.csv")
    try:
        boxes = pd.read_csv(path).rename(columns={"score": "name"})
    except (OSError, ValueError) as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault
    return BoxPlots(read_json(published("numbers.json"))["sources"]["box_plots"], boxes)


def placed(scores: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Each score of each run with its place in the box plot of its setting.

    Args:
        scores: wide, a row per run, as `bench.analysis.scores.agreement.wide` returns them.
        boxes: `BoxPlots.boxes`.

    Returns:
        A row for each pair of a run and a box of its setting: the columns of the boxes, run, seed, score and place,
        one of `PLACES`: a quarter of the published scores, or beyond the whiskers.
    """
    names = [name for name in boxes["name"].unique() if name in scores.columns]
    ours = scores[names].melt(ignore_index=False, var_name="name", value_name="score").dropna().reset_index()
    merged = boxes.merge(ours, on=["dataset", "model", "value", "name"])
    ends_below = (merged["score"].to_numpy()[:, None] > merged[ENDS].to_numpy()).sum(axis=1)
    return merged.assign(place=np.array(PLACES)[ends_below])


def shares(placement: pd.DataFrame) -> dict[str, int]:
    """The number of scores, of those in the interquartile range, and of those between the whiskers."""
    counts = placement["place"].value_counts()
    in_box = int(counts.reindex(IN_BOX).sum())
    beyond = int(counts.reindex([PLACES[0], PLACES[-1]]).sum())
    return {"scores": len(placement), "in_box": in_box, "in_whiskers": len(placement) - beyond}

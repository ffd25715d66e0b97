"""Named splits: those of Montero et al. 2021, as in their code, and three in the manner of Schott et al. 2022.

Montero's are predicates on the factors of a data set. Schott's are rules for any grid; their published files hold
images and no rule, so the counts here are this project's: of each ordered factor of three values or more, so many
values are held out that the test has about the requested share of all combinations.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.data.base import Card
from bench.values import ConfigError

DSPRITES = ("shape", "scale", "orientation", "x", "y")
SHAPES3D = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "azimuth")
MPI3D = (
    "object_colour", "object_shape", "object_size", "camera_height", "background", "horizontal_axis", "vertical_axis",
)  # fmt: skip

# names of factors -> predicates on their classes. In their code, dSprites' recombination_to_range holds out the
# square (value 1 of 1, 2, 3), recombination_to_element the ellipse (class 1); orientations 14..25 are 120..240 degrees.
MONTERO: Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]] = {
    "blank_side": {
        DSPRITES: {"x": "16..31"},
        SHAPES3D: {"floor_hue": "5..9"},
        MPI3D: {"horizontal_axis": "20..39"},
    },
    "recombination_to_range": {
        DSPRITES: {"shape": 0, "x": "16..31"},
        SHAPES3D: {"object_hue": "5..9", "shape": 3},
        MPI3D: {"object_shape": 2, "horizontal_axis": "0..19"},
    },
    "recombination_to_element": {
        DSPRITES: {"shape": 1, "scale": "2..5", "orientation": "14..25", "x": "21..31", "y": "21..31"},
        SHAPES3D: {
            "floor_hue": "8..9", "wall_hue": "8..9", "object_hue": "8..9", "scale": "5..7", "shape": 1,
            "azimuth": "12..14",
        },
        MPI3D: {
            "object_colour": 5, "object_shape": 2, "object_size": 1, "camera_height": 1, "background": 1,
            "horizontal_axis": "36..39", "vertical_axis": "36..39",
        },
    },
}  # fmt: skip
SCHOTT = ("composition", "interpolation", "extrapolation")
NAMED = (*MONTERO, *SCHOTT)


def boxes_of(split: str, share: float, card: Card) -> list[Mapping[str, Any]]:
    """The predicates of a split, as a configuration would list them.

    Args:
        split: of `NAMED`.
        share: approximate fraction of the combinations that Schott's splits hold out.
        card: of the data set.

    Raises:
        ConfigError: the data set has no such split.
    """
    if split in MONTERO:
        if card.factor_names not in MONTERO[split]:
            raise ConfigError(
                f"sampling.held_out={split} is of dsprites, shapes3d and mpi3d: give predicates on the factors of "
                f"{card.name}, {', '.join(card.factor_names)}"
            )
        return [MONTERO[split][card.factor_names]]
    sizes = {
        name: size
        for name, size, categorical in zip(card.factor_names, card.factor_sizes, card.without_order, strict=True)
        if size > 2 and not categorical
    }
    if not sizes:
        raise ConfigError(f"sampling.held_out={split} goes by ordered factors of three values: {card.name} has none")
    if split == "composition":  # each value is seen, but the upper values of all factors never together
        return [{name: _upper(sizes[name], count) for name, count in _counts(sizes, share, 1).items()}]
    num_seen = _counts(sizes, 1 - share, 2)
    if split == "extrapolation":  # the highest values are never seen
        return [{name: _upper(size, size - num_seen[name])} for name, size in sizes.items()]
    # some values between others are never seen
    return [{name: _inner(size, size - num_seen[name])} for name, size in sizes.items()]


def _counts(sizes: Mapping[str, int], share: float, least: int) -> dict[str, int]:
    """Numbers of values of each factor, from `least` to all but one, whose combinations are about a share of all."""
    counts: dict[str, int] = {}
    for place, (name, size) in enumerate(sorted(sizes.items(), key=lambda item: item[1])):  # the coarsest first
        counts[name] = min(size - 1, max(least, round(size * share ** (1 / (len(sizes) - place)))))
        share = min(1.0, share * size / counts[name])
    return {name: counts[name] for name in sizes}


def _upper(size: int, count: int) -> str:
    return f"{size - count}..{size - 1}"


def _inner(size: int, count: int) -> Sequence[int]:
    """`count` evenly spaced values without the lowest and the highest."""
    return [int(v) for v in np.unique(np.round(np.linspace(0, size - 1, count + 2)[1:-1]).astype(int))]

"""Combinations of factor values that training never sees: by predicates on factors, by name, or at random."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card
from bench.data.sampling.base import Sampling, check_grid, short
from bench.data.sampling.rows import Rows, combinations, rows_alone, rows_of
from bench.data.sampling.splits import NAMED, SCHOTT, boxes_of
from bench.data.sampling.subset import shuffled
from bench.values import ConfigError, listed, mapping, number, one_of, shown, whole

Values = tuple[int, ...]
Box = tuple[tuple[str, Values], ...]  # (factor, values): an image is in it if each factor has one of its values
RANDOM = "random"
SHARE = 0.3  # default fraction of the combinations
LARGEST = 10**6  # value of a factor that a predicate may name
_SPAN = re.compile(r"([0-9]{1,7})\.\.([0-9]{1,7})")


@dataclass(frozen=True)
class HeldOut(Sampling):
    """All images except some boxes of the grid of factors, or except a random fraction.

    Attributes:
        boxes: images in any of them are held out.
        share: fraction of the images that is held out at random, if there are no boxes.
        draw: seed of the random order whose first images are held out.
        split: name of the boxes in `splits.NAMED`, if they are such a split with its default share; else "".
    """

    boxes: tuple[Box, ...] = ()
    share: float = 0.0
    draw: int = 0
    split: str = ""

    kind: ClassVar[str] = "held_out"
    keys: ClassVar[tuple[str, ...]] = ("held_out", "share", "draw")
    optional: ClassVar[tuple[str, ...]] = ("share", "draw")
    leaves_out: ClassVar[bool] = True

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "HeldOut":
        check_grid(cls.kind, card)
        predicates, config = settings["held_out"], dict(settings)
        named = predicates if isinstance(predicates, str) else ""
        for key, default, names in (("share", SHARE, (RANDOM, *SCHOTT)), ("draw", 0, (RANDOM,))):
            if settings.get(key) not in (None, default) and named not in names:
                held = named or "predicates"
                raise ConfigError(f"sampling.{key} goes with sampling.held_out={' or '.join(names)}, not with {held}")
        if named and named != RANDOM:
            split = one_of("held-out split", predicates, (RANDOM, *NAMED))
            config["held_out"] = boxes_of(split, _share(settings.get("share")), card)
        sampling = cls.of_entry(config)
        if sampling.boxes:
            boxes = _in_order(sampling.boxes, card)
            sampling = cls(boxes, split=next((s for s in NAMED if _boxes_of(s, card) == boxes), ""))
        num_drawn = len(sampling.rows(card))
        if num_drawn in (0, card.num_images):
            fault = "keeps nothing of" if num_drawn == 0 else "holds nothing out of"
            raise ConfigError(f"sampling.held_out {fault} {card.name}: {shown(predicates)}")
        return sampling

    @classmethod
    def of_entry(cls, settings: Mapping[str, Any]) -> "HeldOut":
        predicates, split = settings["held_out"], ""
        if predicates == RANDOM:
            return cls((), _share(settings.get("share")), whole("sampling.draw", settings.get("draw", 0), 0))
        if isinstance(predicates, Mapping) and len(predicates) == 1 and next(iter(predicates)) in NAMED:
            ((split, predicates),) = predicates.items()
        if isinstance(predicates, str) or not listed(predicates):
            raise ConfigError(
                f"sampling.held_out must be the name of a split, or predicates as [{{x: 16..31}}], "
                f"got {shown(predicates)}"
            )
        return cls(tuple(_box(box) for box in listed(predicates)), split=split)

    def entry(self) -> dict[str, Any]:
        if not self.boxes:
            return {"kind": self.kind, "held_out": RANDOM, "share": self.share, "draw": self.draw}
        boxes = [{factor: _spans(values) for factor, values in box} for box in self.boxes]
        return {"kind": self.kind, "held_out": {self.split: boxes} if self.split else boxes}

    @property
    def label(self) -> str:
        if not self.boxes:
            return f"all but a random share of {self.share}" + (f", draw {self.draw}" if self.draw else "")
        if self.split:
            return f"the {self.split.replace('_', ' ')} split"
        boxes = (" and ".join(f"{f} {_spans_in_words(values)}" for f, values in box) for box in self.boxes)
        return f"all but {short(', or '.join(boxes), f'{len(self.boxes)} parts of the grid', self)}"

    def rows(self, card: Card) -> Rows:
        if not self.boxes:
            count = round(self.share * card.num_images)
            return rows_alone(np.sort(shuffled(card, self.draw)[count:]))
        factors = sorted({card.factor_names.index(factor) for box in self.boxes for factor, _ in box})
        values = dict(zip((card.factor_names[i] for i in factors), combinations(card, factors)[0].T, strict=True))
        held_out: NDArray[np.bool_] = np.zeros(len(next(iter(values.values()))), bool)
        for box in self.boxes:
            held_out |= np.logical_and.reduce([np.isin(values[factor], chosen) for factor, chosen in box])
        return rows_of(card, factors, ~held_out, None)


def _share(value: Any) -> float:
    share = number("sampling.share", SHARE if value is None else value)
    if not 0 < share < 1:
        raise ConfigError(f"sampling.share must be between 0 and 1, got {shown(value)}")
    return float(share)


def _box(entry: Any) -> Box:
    """One predicate: {factor: values}, each value a whole number, a span such as 16..31, or a list of both."""
    if not mapping("a predicate of sampling.held_out", entry):
        raise ConfigError("sampling.held_out has a predicate without a factor: it holds everything out")
    return tuple((factor, _values(factor, values)) for factor, values in entry.items())


def _values(factor: str, entry: Any) -> Values:
    distinct: set[int] = set()
    for value in listed(entry):
        span = _SPAN.fullmatch(value) if isinstance(value, str) else None
        if span and int(span[1]) <= int(span[2]) <= LARGEST:
            distinct |= set(range(int(span[1]), int(span[2]) + 1))
        elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
            distinct.add(value)
        else:
            raise ConfigError(
                f"sampling.held_out: {factor} must be whole numbers from 0, or spans such as 16..31, got {shown(value)}"
            )
    if not distinct:
        raise ConfigError(f"sampling.held_out: {factor} has no value")
    return tuple(sorted(distinct))


def _boxes_of(split: str, card: Card) -> tuple[Box, ...] | None:
    """The boxes of a split with its default share; None if the data set has no such split."""
    try:
        return _in_order(tuple(map(_box, boxes_of(split, SHARE, card))), card)
    except ConfigError:
        return None


def _in_order(boxes: Sequence[Box], card: Card) -> tuple[Box, ...]:
    """Checked boxes in canonical form: each once, sorted, with factors in the data set's order."""
    for box in boxes:
        _check_box(box, card)
    ordered = {tuple(sorted(box, key=lambda part: card.factor_names.index(part[0]))) for box in boxes}
    return tuple(sorted(ordered))


def _check_box(box: Box, card: Card) -> None:
    """Check that a data set has the factors and values of a box."""
    for factor, values in box:
        size = card.factor_sizes[card.factor_names.index(one_of(f"factor of {card.name}", factor, card.factor_names))]
        if values[-1] >= size:
            raise ConfigError(f"sampling.held_out: {factor} of {card.name} has values 0..{size - 1}, got {values[-1]}")


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """First and last values of the maximal runs of consecutive numbers in sorted values."""
    cuts = [i for i in range(1, len(values)) if values[i] != values[i - 1] + 1]
    return [(values[a], values[b - 1]) for a, b in zip((0, *cuts), (*cuts, len(values)), strict=True)]


def _spans(values: Values) -> list[int | str]:
    return [first if first == last else f"{first}..{last}" for first, last in _runs(values)]


def _spans_in_words(values: Values) -> str:
    return "+".join(map(str, _spans(values)))

"""Correlated factors (Träuble et al. 2021): the nearer two values are, the likelier is their combination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.data.base import Card
from bench.data.sampling.base import Sampling, check_grid, short
from bench.data.sampling.rows import Rows, combinations, rows_of
from bench.values import ConfigError, flag, one_of, positive, shown

EVERY = "all"  # in place of a factor's name: every other factor


@dataclass(frozen=True)
class Correlated(Sampling):
    """p(c) is proportional to the product over pairs of exp(-(c1 - c2)^2 / (2 sigma^2)), factors scaled to [0, 1].

    With `inverse`, c2 is replaced by 1 - c2. Factors in no pair are uniform and independent of all others.

    Attributes:
        pairs: pairs of factor names, in the order of the data set's factors.
        sigma: of every pair; smaller is more correlated.
        inverse: whether high values go with low ones.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    sigma: float = 1.0
    inverse: bool = False

    kind: ClassVar[str] = "correlated"
    keys: ClassVar[tuple[str, ...]] = ("pairs", "sigma", "inverse")
    optional: ClassVar[tuple[str, ...]] = ("inverse",)

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "Correlated":
        check_grid(cls.kind, card)
        parsed = cls.of_entry(settings)
        pairs = [pair for one, other in parsed.pairs for pair in _written_out(one, other, card)]
        places = sorted(tuple(sorted(map(card.factor_names.index, pair))) for pair in pairs)
        if repeated := [place for i, place in enumerate(places) if place in places[:i]]:
            raise ConfigError(f"sampling.pairs has {'-'.join(card.factor_names[i] for i in repeated[0])} twice")
        ordered = tuple((card.factor_names[first], card.factor_names[second]) for first, second in places)
        return cls(ordered, parsed.sigma, parsed.inverse)

    @classmethod
    def of_entry(cls, settings: Mapping[str, Any]) -> "Correlated":
        pairs = settings["pairs"]
        if not _is_list(pairs) or not pairs or not all(_is_list(p) and len(p) == 2 for p in pairs):
            raise ConfigError(f"sampling.pairs must be pairs of factors, as [[scale,x]], got {shown(pairs)}")
        for first, second in pairs:
            if first == second:
                raise ConfigError(f"sampling.pairs: {shown(first)} is correlated with itself")
        sigma = float(positive("sampling.sigma", settings["sigma"]))
        inverse = flag("sampling.inverse", settings.get("inverse", False))
        return cls(tuple((str(first), str(second)) for first, second in pairs), sigma, inverse)

    def entry(self) -> dict[str, Any]:
        pairs = [list(pair) for pair in self.pairs]
        return {"kind": self.kind, "pairs": pairs, "sigma": self.sigma, "inverse": self.inverse}

    @property
    def label(self) -> str:
        pairs = short(", ".join("-".join(pair) for pair in self.pairs), f"{len(self.pairs)} pairs", self)
        return f"{pairs} {'inversely ' if self.inverse else ''}correlated, sigma {self.sigma}"

    def rows(self, card: Card) -> Rows:
        factors = sorted({card.factor_names.index(name) for pair in self.pairs for name in pair})
        values = combinations(card, factors)[0]
        scaled = {card.factor_names[i]: v / (card.factor_sizes[i] - 1) for i, v in zip(factors, values.T, strict=True)}
        distance = np.zeros(len(values))
        for first, second in self.pairs:
            distance += (scaled[first] - (1 - scaled[second] if self.inverse else scaled[second])) ** 2
        with np.errstate(over="ignore"):  # a tiny sigma: all but the nearest combinations have chance 0
            exponent = (distance - distance.min()) / self.sigma / self.sigma / 2
        return rows_of(card, factors, None, np.exp(-exponent))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _written_out(one: str, other: str, card: Card) -> list[tuple[str, str]]:
    """The pairs that a pair stands for: itself, or with `EVERY` one factor with each of the others."""
    for name in (one, other):
        if name != EVERY:
            _check_factor(name, card)
    if EVERY not in (one, other):
        return [(one, other)]
    fixed = other if one == EVERY else one
    others = (n for n, size in zip(card.factor_names, card.factor_sizes, strict=True) if size > 1 and n != fixed)
    return [(fixed, name) for name in others]


def _check_factor(name: str, card: Card) -> None:
    place = card.factor_names.index(one_of(f"factor of {card.name}", name, card.factor_names))
    if card.factor_sizes[place] < 2:
        raise ConfigError(f"sampling.pairs: {name} of {card.name} has one value, so nothing goes with it")

"""Counter-based random numbers: a value depends on its key and its place, never on earlier draws.

The same 32-bit integer arithmetic runs on NumPy arrays and on torch tensors, on any device, and gives the same
bits, so an image's noise, a step's batch or a model's latent sample do not change with the size of a fleet, the
order of runs, or a resume. The mixing function is the 32-bit finaliser "lowbias32" (C. Wellons, 2018).

Arrays are int32 of at least one dimension; a key is a pair of them (64 bits together).
"""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

Array = Any  # numpy.ndarray or torch.Tensor of dtype int32

_M1 = 0x7FEB352D
_M2 = 0x846CA68B - 2**32


class Key(NamedTuple):
    """64 bits that select one stream of random numbers: two int32 arrays of equal shape."""

    a: Array
    b: Array


def mix(x: Array) -> Array:
    """A bijection of 32-bit words in which every input bit flips every output bit with chance 1/2."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * _M1
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * _M2
    return x ^ ((x >> 16) & 0xFFFF)


def root(*parts: int | str) -> Key:
    """The key of an identity, such as (seed, "noise"): two int32 arrays of shape (1,)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    words = np.frombuffer(digest[:8], dtype="<i4").astype(np.int32)
    return Key(words[:1], words[1:])


def fold(key: Key, value: Array) -> Key:
    """A key for each value (an index, a step): shapes broadcast."""
    a = mix(mix(value ^ key.a) + key.b)
    return Key(a, mix(mix(value + key.b) ^ a))


def bits(key: Key, counter: Array) -> Array:
    """32 random bits for each counter under each key; shapes broadcast. Pass `mix(arange(n))` as the counter."""
    x = mix(counter ^ key.a) + key.b
    x = x * _M2
    return x ^ ((x >> 15) & 0x1FFFF)


def below(words: Array, n: int) -> Array:
    """Integers in [0, n) from random words: floor(word / 2^32 * n), as int64."""
    wide = words.astype(np.int64) if isinstance(words, np.ndarray) else words.long()
    return ((wide & 0xFFFFFFFF) * n) >> 32


def uniform(words: Array) -> Array:
    """Float32 in (0, 1) from random words (23 bits, so that neither 0 nor 1 can come out)."""
    low = words & 0x7FFFFF
    real = low.astype(np.float32) if isinstance(words, np.ndarray) else low.float()
    return real * 2.0**-23 + 2.0**-24


def normal(words: Array, other: Array) -> Array:
    """Standard normal float32 torch tensor from two tensors of independent random words (Box and Muller, 1958)."""
    radius = (-2.0 * uniform(words).log()).sqrt()
    return radius * (2.0 * math.pi * uniform(other)).cos()

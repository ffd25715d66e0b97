"""The noisy-OR network: discrete causes, which observations alone identify because no rotation mixes them.

Causes d_k are on with probability a_k; effect j is off with probability P(x_j = 0 | d) = (1 - l_j) prod_k (1 -
p_kj)^d_k. The parameters are identifiable up to the order of causes (Halpern & Sontag 2013, arXiv:1309.6834).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]
Bits = NDArray[np.int64]
LEAST = 1e-9  # keeps probabilities away from 0 and 1


@dataclass(frozen=True)
class NoisyOr:
    """A two-layer network of K causes and J effects.

    Attributes:
        prior: a (K,).
        strength: p (K, J), the probability that a cause alone turns an effect on.
        leak: l (J,), the probability that an effect is on without a cause.
    """

    prior: Floats
    strength: Floats
    leak: Floats

    def sample(self, rows: int, rng: np.random.Generator) -> tuple[Bits, Bits]:
        """Causes (N, K) and effects (N, J)."""
        causes = (rng.random((rows, len(self.prior))) < self.prior).astype(np.int64)
        return causes, (rng.random((rows, len(self.leak))) < self.on(causes)).astype(np.int64)

    def on(self, causes: Bits) -> Floats:
        """P(x_j = 1 | d), (N, J), of causes (N, K)."""
        off = np.log1p(-self.leak) + causes @ np.log1p(-self.strength)
        return np.clip(-np.expm1(off), LEAST, 1 - LEAST)

    def joint(self, effects: Bits) -> Floats:
        """log p(x, d) of effects (N, J) with each of the 2^K states of the causes: (N, 2^K)."""
        states = all_states(len(self.prior))
        on = self.on(states)
        prior = states @ np.log(self.prior) + (1 - states) @ np.log1p(-self.prior)
        return effects @ np.log(on).T + (1 - effects) @ np.log1p(-on).T + prior

    def log_likelihood(self, effects: Bits) -> Floats:
        """log p(x), (N,)."""
        return np.logaddexp.reduce(self.joint(effects), axis=1)

    def posterior(self, effects: Bits) -> Floats:
        """P(d_k = 1 | x), (N, K): the codes of effects."""
        return _softmax(self.joint(effects)) @ all_states(len(self.prior))


def all_states(causes: int) -> Bits:
    """Every state of K causes, (2^K, K)."""
    return np.array(list(product((0, 1), repeat=causes)), np.int64)


def _softmax(logs: Floats) -> Floats:
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def learn(effects: Bits, causes: int, rng: np.random.Generator, starts: int = 4, steps: int = 600) -> NoisyOr:
    """The network of highest likelihood among those that exact expectation maximisation reaches from random starts.

    Args:
        effects: (N, J) of 0 and 1.
        causes: K.
        rng: of the starts.
        starts: number of random starts.
        steps: from each start.

    Raises:
        ValueError: effects are empty or not a table of 0 and 1, or `causes` is below 1.
    """
    table = np.asarray(effects)
    if table.ndim != 2 or 0 in table.shape or not np.isin(table, (0, 1)).all():
        raise ValueError(f"effects must be a non-empty (N, J) table of 0 and 1, got shape {table.shape}")
    if causes < 1:
        raise ValueError(f"causes must be at least 1, got {causes}")
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    networks = [_optimised(_start(causes, table.shape[1], rng), patterns, counts, steps) for _ in range(starts)]
    return max(networks, key=lambda network: float(counts @ network.log_likelihood(patterns)))


def _start(causes: int, effects: int, rng: np.random.Generator) -> NoisyOr:
    return NoisyOr(rng.uniform(0.2, 0.5, causes), rng.uniform(0.1, 0.9, (causes, effects)), np.full(effects, 0.1))


def _optimised(network: NoisyOr, patterns: Bits, counts: Bits, steps: int) -> NoisyOr:
    for _ in range(steps):
        network = em_step(network, patterns, counts)
    return network


def em_step(network: NoisyOr, patterns: Bits, counts: Bits) -> NoisyOr:
    """One step of expectation maximisation, which never lowers the likelihood.

    The hidden variables are the causes and which active causes (or the leak) turned an effect on. Each active cause did
    so with probability p / P(x_j = 1 | d) if x_j = 1, and 0 if x_j = 0.

    Args:
        network: before the step.
        patterns: (N, J) distinct effects.
        counts: (N,) rows with each pattern.
    """
    states = all_states(len(network.prior))
    weights = _softmax(network.joint(patterns)) * counts[:, None]
    state_counts = weights.sum(axis=0)
    on_counts = (weights.T @ patterns) / network.on(states)  # effects that are on, over their probability: (2^K, J)
    cause_counts = states.T @ state_counts
    strength = network.strength * (states.T @ on_counts) / np.maximum(cause_counts, LEAST)[:, None]
    leak = network.leak * on_counts.sum(axis=0) / counts.sum()
    return NoisyOr(*(np.clip(p, LEAST, 1 - LEAST) for p in (cause_counts / counts.sum(), strength, leak)))


def aligned(learned: NoisyOr, truth: NoisyOr) -> NoisyOr:
    """The learned network with its causes in the order that brings their strengths nearest to the true ones."""
    distances = ((truth.strength[:, None] - learned.strength[None]) ** 2).sum(axis=2)
    order = linear_sum_assignment(distances)[1]
    return NoisyOr(learned.prior[order], learned.strength[order], learned.leak)


def recovery_error(learned: NoisyOr, truth: NoisyOr) -> float:
    """Root mean squared error of priors, strengths and leaks, with causes in the true order."""
    pairs = ((getattr(aligned(learned, truth), n), getattr(truth, n)) for n in ("prior", "strength", "leak"))
    return float(np.sqrt(np.mean(np.concatenate([(a - b).ravel() ** 2 for a, b in pairs]))))

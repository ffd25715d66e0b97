"""Why unsupervised codes are not unique: z' = Uz with an orthogonal U has the same prior and the same evidence bound.

An encoder N(m, S) and a decoder g(z) become N(Um, U S U') and g(U'z'). The objective does not change, but each
dimension may now depend on every factor (Locatello et al. 2019, theorem 1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEAR = 1e-7  # least distance of a decoded pixel from 0 and 1, in single precision


def plane_rotation(dims: int, degrees: float) -> Floats:
    """Rotation (D, D) of dimensions 0 and 1, 2 and 3, ... in their plane; an odd last one is not rotated.

    Example:
        >>> plane_rotation(2, 90).round()
        array([[ 0., -1.],
               [ 1.,  0.]])
    """
    rotation, angle = np.eye(dims), np.deg2rad(degrees)
    for d in range(0, dims - 1, 2):
        rotation[d : d + 2, d : d + 2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return rotation


def random_rotation(dims: int, rng: np.random.Generator) -> Floats:
    """A uniformly random orthogonal matrix (D, D): Q of a Gaussian matrix's QR, times the signs of R's diagonal."""
    q, r = np.linalg.qr(rng.normal(size=(dims, dims)))
    return q * np.sign(np.diag(r))


def gaussian_kl(mean: Floats, covariance: Floats) -> Floats:
    """KL(N(m, S) || N(0, I)) = (tr S + |m|^2 - D - log det S) / 2 in nats, (N,); m is (N, D), S (D, D) or (N, D, D)."""
    trace = np.trace(covariance, axis1=-2, axis2=-1)
    return 0.5 * (trace + (mean**2).sum(axis=1) - mean.shape[1] - np.linalg.slogdet(covariance)[1])


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(Wz, s^2 I), and an encoder q(z|x) = N(Mx, S); its ELBO has a closed form.

    Attributes:
        decoder: W (P, D).
        noise: s.
        encoder: M (D, P).
        covariance: S (D, D).
    """

    decoder: Floats
    noise: float
    encoder: Floats
    covariance: Floats

    @classmethod
    def fitted(cls, decoder: Floats, noise: float) -> "LinearGaussian":
        """A model whose encoder is the exact posterior: S = (I + W'W / s^2)^-1, M = S W' / s^2."""
        precision = np.eye(decoder.shape[1]) + decoder.T @ decoder / noise**2
        covariance = np.linalg.inv(precision).astype(np.float64)
        return cls(decoder, noise, covariance @ decoder.T / noise**2, covariance)

    def rotated(self, turn: Floats) -> "LinearGaussian":
        """The same model of z' = Uz."""
        return LinearGaussian(self.decoder @ turn.T, self.noise, turn @ self.encoder, turn @ self.covariance @ turn.T)

    def encode(self, x: Floats) -> Floats:
        """Posterior means (N, D) of observations (N, P)."""
        return x @ self.encoder.T

    def log_density(self, x: Floats) -> Floats:
        """log p(x), (N,): of N(0, WW' + s^2 I)."""
        covariance = self.decoder @ self.decoder.T + self.noise**2 * np.eye(len(self.decoder))
        squares = (x * np.linalg.solve(covariance, x.T).T).sum(axis=1)
        return -0.5 * (squares + np.linalg.slogdet(covariance)[1] + x.shape[1] * np.log(2 * np.pi))

    def elbo(self, x: Floats) -> Floats:
        """E_q[log p(x|z)] - KL(q || p), (N,)."""
        mean = self.encode(x)
        squares = ((x - mean @ self.decoder.T) ** 2).sum(axis=1)
        squares = squares + np.trace(self.decoder @ self.covariance @ self.decoder.T)
        fit = -0.5 * (squares / self.noise**2 + x.shape[1] * np.log(2 * np.pi * self.noise**2))
        return fit - gaussian_kl(mean, self.covariance)


def rotated_elbo(
    images: NDArray[np.float32],
    mean: NDArray[np.float32],
    logvar: NDArray[np.float32],
    decode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    turn: Floats,
    rng: np.random.Generator,
) -> Floats:
    """The ELBO, (N,) in nats, of a trained VAE whose codes are rotated and whose decoder rotates them back.

    Args:
        images: (N, height, width, channels) in [0, 1].
        mean: (N, D).
        logvar: (N, D).
        decode: codes (N, D) to pixel probabilities.
        turn: U (D, D).
        rng: of one sample per image; the same generator state gives the same samples for every U.
    """
    deviation = np.exp(logvar.astype(np.float64) / 2)
    z = mean + deviation * rng.standard_normal(mean.shape)
    rotated = (z @ turn.T).astype(np.float32)  # in the precision of the learner's codes
    p = np.clip(decode(rotated @ turn.astype(np.float32)).astype(np.float64), NEAR, 1 - NEAR)
    fit = (images * np.log(p) + (1 - images) * np.log1p(-p)).reshape(len(images), -1).sum(axis=1)
    covariance = turn @ (deviation[:, :, None] ** 2 * turn.T)
    return fit - gaussian_kl(mean @ turn.T, covariance)

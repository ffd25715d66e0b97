"""Sparse coding (Olshausen & Field 1996): images as sums of a few atoms of a learned dictionary."""

import numpy as np

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, ModelError, model

BATCH = 256
LEARNING_STEPS = 100  # of FISTA for the codes of a batch while the dictionary is learned
STEPS = 200  # of FISTA for the final codes: a fixed number, so that an image's code does not depend on its batch


@model()
class SparseCoding(Fitted):
    """Codes minimise 0.5 |x - mean - z A|^2 + alpha |z|_1; A has `n_atoms` rows of norm at most one.

    A minimises the same objective over `num_batches` batches of 256 of `num_images` random images (Mairal et al. 2009).

    Raises:
        ModelError: there are more atoms than images, or alpha is not positive.
    """

    names = ("mean", "atoms")

    def fit(self, data: DataSet, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x5BA5])
        x = self.sample(data, rng)
        count, alpha = int(self.hyper["n_atoms"]), self.hyper["alpha"]
        if not 1 <= count <= len(x):
            raise ModelError(f"sparse_coding: n_atoms {count} must be from 1 to the {len(x)} images")
        if not alpha > 0:
            raise ModelError(f"sparse_coding: alpha must be positive, got {alpha}")
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        atoms = dictionary(x - mean, count, alpha, int(self.hyper["num_batches"]), rng)
        self.arrays = {"mean": mean, "atoms": atoms}

    def encode(self, images: Images) -> tuple[Codes, None]:
        centred = images.reshape(len(images), -1) - self.arrays["mean"]
        return sparse_codes(centred, self.arrays["atoms"], self.hyper["alpha"], STEPS), None

    def decode(self, codes: Codes) -> Images:
        pixels = codes @ self.arrays["atoms"] + self.arrays["mean"]
        return np.clip(pixels, 0, 1).astype(np.float32).reshape(-1, *self.image_shape)


def sparse_codes(x: Images, atoms: Images, alpha: float, steps: int) -> Codes:
    """argmin_z 0.5 |x - z A|^2 + alpha |z|_1 for each row of x (n, pixels), by FISTA (Beck & Teboulle 2009): (n, K)."""
    gram, fit = atoms @ atoms.T, x @ atoms.T
    rate = np.float32(1 / max(np.linalg.eigvalsh(gram)[-1], 1e-12))
    z = extrapolated = np.zeros_like(fit)
    momentum = 1.0
    for _ in range(steps):
        descended = extrapolated - rate * (extrapolated @ gram - fit)
        last, z = z, descended - np.clip(descended, -alpha * rate, alpha * rate)  # soft threshold
        next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        extrapolated = z + np.float32((momentum - 1) / next_momentum) * (z - last)
        momentum = next_momentum
    return z


def dictionary(x: Images, count: int, alpha: float, num_batches: int, rng: np.random.Generator) -> Images:
    """Atoms (count, pixels) of centred images (n, pixels): for each batch its codes, then one update of every atom.

    z'z and z'x are running sums over batches, in which early batches have a smaller weight.
    """
    atoms = x[rng.choice(len(x), count, replace=False)]
    atoms += 1e-3 * rng.standard_normal(atoms.shape, np.float32)  # a blank image has no direction
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    zz, zx = np.zeros((count, count), np.float32), np.zeros_like(atoms)
    for step in range(num_batches):
        batch = x[rng.integers(len(x), size=BATCH)]
        z = sparse_codes(batch, atoms, alpha, LEARNING_STEPS)
        decay = np.float32(((step + 1) / (step + 2)) ** 2)
        zz, zx = decay * zz + z.T @ z, decay * zx + z.T @ batch
        for k in np.flatnonzero(zz.diagonal() > 1e-6):  # an unused atom does not change
            atoms[k] += (zx[k] - zz[k] @ atoms) / zz[k, k]
            atoms[k] /= max(1.0, float(np.linalg.norm(atoms[k])))
    return atoms

"""What an encoder returns is read by the names it bears, or refused with what was there and what is wanted."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import distributions

from bench.data import base
from bench.models.base import Learner, State
from bench.scoring.codes import Codes, EncodingError, encode
from bench.scoring.score import score

Images = NDArray[np.float32]


class Greys(base.DataSet):
    """Ten images of one grey each."""

    def __init__(self) -> None:
        told = dict.fromkeys(("title", "loader", "licence", "citation", "homepage", "description"), "")
        card = {"name": "greys", "num_images": 10, "image_shape": (4, 4, 1), "grid": True, **told}
        super().__init__(base.Card(**card, factor_names=("grey",), factor_sizes=(10,)))  # type: ignore[arg-type]

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> Images:
        return np.broadcast_to((index / 10).astype(np.float32)[:, None, None, None], (len(index), 4, 4, 1))


def greys(images: Images) -> torch.Tensor:
    return torch.tensor(images.reshape(len(images), -1)[:, :3])


MEAN = np.repeat(np.arange(10, dtype=np.float32)[:, None] / 10, 3, axis=1)
STD = MEAN + 1

Named = namedtuple("Named", ["z", "mu", "log_var"])


@dataclass
class ModelOutput:
    embedding: Any
    log_covariance: Any
    z: Any = None


class DiagonalGaussian:
    """As diffusers has it."""

    def __init__(self, mean: torch.Tensor, logvar: torch.Tensor) -> None:
        self.parameters = torch.cat([mean, logvar], dim=1)
        self.mean, self.logvar, self.std, self.var = mean, logvar, torch.exp(logvar / 2), torch.exp(logvar)
        self.deterministic = False

    def mode(self) -> torch.Tensor:
        return self.mean


class TensorFlowNormal:
    """As TensorFlow Probability has it: `loc` and `scale` are arrays, `mean` and `stddev` methods."""

    def __init__(self, loc: torch.Tensor, scale: torch.Tensor) -> None:
        self.loc, self.scale = loc, scale

    def log_prob(self, value: object) -> None: ...
    def mean(self) -> torch.Tensor:
        return self.loc

    def stddev(self) -> torch.Tensor:
        return self.scale


TensorFlowNormal.__name__ = "Normal"

# what an encoder makes of greys m and their deviation s, and whether a deviation is told
TAKEN: dict[str, tuple[Callable[[torch.Tensor, torch.Tensor], Any], bool]] = {
    "a tensor with gradients": (lambda m, s: m.requires_grad_() * 1, False),
    "an array": (lambda m, s: m.numpy(), False),
    "nested lists": (lambda m, s: m.tolist(), False),
    "rows": (lambda m, s: list(m), False),
    "a mean alone in a tuple": (lambda m, s: (m,), False),
    "no variance": (lambda m, s: (m, None), False),
    "a pair": (lambda m, s: (m, 2 * s.log()), True),
    "a pair in a list": (lambda m, s: [m, (2 * s.log()).numpy()], True),
    "a dict": (lambda m, s: {"mu": m, "logvar": 2 * s.log(), "reconstruction": None, "z": m + 1}, True),
    "a dict of a mean": (lambda m, s: {"embedding": m}, False),
    "a deviation": (lambda m, s: {"loc": m, "stddev": s}, True),
    "a variance": (lambda m, s: {"mean": m, "variance": s**2}, True),
    "names that agree": (lambda m, s: {"mean": m, "loc": m, "std": s, "logvars": 2 * s.log()}, True),
    "a named tuple": (lambda m, s: Named(m + 1, m, 2 * s.log()), True),
    "a dataclass": (lambda m, s: ModelOutput(m, 2 * s.log()), True),
    "a normal distribution": (distributions.Normal, True),
    "an independent one": (lambda m, s: distributions.Independent(distributions.Normal(m, s), 1), True),
    "one of TensorFlow": (TensorFlowNormal, True),
    "one of diffusers": (lambda m, s: DiagonalGaussian(m, 2 * s.log()), True),
    "one inside an output": (lambda m, s: {"latent_dist": DiagonalGaussian(m, 2 * s.log())}, True),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_mean_and_variance_are_read_from(kind: str) -> None:
    make, told = TAKEN[kind]
    codes = encode(lambda images: make(greys(images), greys(images) + 1), Greys(), batch_size=4)
    np.testing.assert_allclose(codes.mean, MEAN, rtol=1e-6)
    assert (codes.logvar is not None) == told
    if codes.logvar is not None:
        np.testing.assert_allclose(np.exp(codes.logvar / 2), STD, rtol=1e-5)
        assert codes.logvar.dtype == np.float32


def test_bfloat16_is_read() -> None:
    codes = encode(lambda images: greys(images).bfloat16(), Greys())
    np.testing.assert_allclose(codes.mean, MEAN, rtol=0.01)


def test_a_deviation_of_zero_draws_the_mean() -> None:
    codes = encode(lambda images: {"mean": greys(images), "std": 0 * greys(images)}, Greys())
    np.testing.assert_allclose(codes.representation("sampled", "run"), MEAN, atol=1e-30)


REFUSED: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "a triple": (lambda m: (m, m, m), r"is 3 things, which do not say what they are: return an array \(n, D\), a pair"),
    "names that differ": (lambda m: {"mean": m, "loc": m + 1}, "has mean and loc, which differ"),
    "deviations that differ": (lambda m: {"mean": m, "std": m + 1, "logvar": m}, "has logvar and std, which differ"),
    "no known name": (lambda m: {"last_hidden_state": m}, "none of the fields mean, .* but last_hidden_state: return"),
    "an unclear name": (lambda m: {"mean": m, "sigma": m}, "has sigma, which may mean several things: return"),
    "an output without them": (lambda m: Named(m, None, None), "none of the fields .* but z"),
    "a full covariance": (
        lambda m: distributions.MultivariateNormal(m, torch.eye(3)), "is a MultivariateNormal distribution, not"),
    "no normal distribution": (lambda m: distributions.Bernoulli(m), "is a Bernoulli distribution, not independent"),
    "None": (lambda m: None, "the encoder's output cannot be read as an array: it is None"),
    "an object": (lambda m: object(), "the encoder's output cannot be read as an array: it is a object"),
    "another shape": (lambda m: (m, m[:, :2]), r"log-variance has shape \(10, 2\), codes have \(10, 3\)"),
    "a map of features": (lambda m: m[:, :, None], r"must be \(4, D\), got \(4, 3, 1\): \.reshape\(len\(images"),
    "a row too few": (lambda m: m[1:], r"mean must be \(4, D\), got \(3, 3\)"),
    "no dims": (lambda m: m[:, :0], r"mean must be \(4, D\), got \(4, 0\)"),
    "complex": (lambda m: m + 1j, "the encoder's output must be real numbers, got complex"),
    "NaN": (lambda m: m / 0, "mean has 12 NaN or infinite values"),
    "beyond 32 bits": (lambda m: (m.double() + 1) * 1e300, "mean has 12 NaN or infinite values"),
    "a variance as its logarithm": (lambda m: (m, m + 190), r"log-variance is 190\.9 at row 9, dim 0: its exp\(log"),
    "a negative deviation": (lambda m: {"mean": m, "std": m - 1}, "std of .* has the negative value -1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_clear_is_refused(kind: str) -> None:
    with pytest.raises(EncodingError, match=REFUSED[kind][1]):
        encode(lambda images: REFUSED[kind][0](greys(images)), Greys(), batch_size=4)


def test_batches_must_be_alike() -> None:
    with pytest.raises(EncodingError, match="mean has 2 dims, then 3 dims"):
        encode(lambda images: greys(images)[:, : len(images)], Greys(), range(5), batch_size=3)
    with pytest.raises(EncodingError, match="log-variance has 0 dims, then 3 dims"):
        encode(lambda images: (greys(images), greys(images) if len(images) < 3 else None), Greys(), range(5), 3)


def test_what_cannot_be_called_and_what_has_no_images_is_told() -> None:
    with pytest.raises(EncodingError, match="a str is no encoder: a function of images, or an object with encode"):
        encode("model.pt", Greys())
    for index, size in (([], 512), ([1], 0)):
        with pytest.raises(EncodingError, match="nothing to encode"):
            encode(greys, Greys(), index, size)
    with pytest.raises(IndexError, match="one-dimensional integer array, got float64"):
        encode(greys, Greys(), [0.5])


class Network(torch.nn.Module):
    """A network as others are written, of images with channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 3, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images).flatten(1)


class Autoencoder(Network):
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self(images)


def test_a_network_that_takes_tensors_is_told_how_it_is_given_images() -> None:
    network = Autoencoder()
    for encoder in (Network(), network, network.encode, torch.nn.Sequential(torch.nn.Flatten())):
        with pytest.raises(EncodingError, match=r"a numpy array, float32 \(10, 4, 4, 1\): give lambda images: network"):
            encode(encoder, Greys())
    codes = encode(lambda images: network(torch.tensor(images).permute(0, 3, 1, 2)), Greys())
    assert codes.mean.shape == (10, 3)


def test_a_fault_of_an_encoder_says_what_it_was_given() -> None:
    with pytest.raises(ZeroDivisionError) as fault:
        encode(lambda images: images[1 // 0], Greys(), batch_size=4)
    assert fault.value.__notes__ == ["while encoding images, a numpy array, float32 (4, 4, 4, 1)"]


def test_what_has_a_transform_is_told_to_be_called() -> None:
    with pytest.raises(EncodingError, match=r"a PCA is no encoder: .* lambda images: pca\.transform\(images\.reshape"):
        encode(PCA(2), Greys())


@pytest.mark.parametrize("size", [7.0, "7", None])
def test_a_batch_size_that_is_no_integer_is_named(size: Any) -> None:
    with pytest.raises(EncodingError, match=f"batch_size must be an integer from 1, got {size!r}"):
        encode(greys, Greys(), batch_size=size)


def test_codes_are_not_scored_without_the_word_mean() -> None:
    with pytest.raises(ValueError, match="codes cannot be read as an array: it is a Codes, not an array; its mean is"):
        score(encode(greys, Greys()), np.zeros((10, 1), int), "mig")  # type: ignore[call-overload]


def test_codes_show_their_shapes() -> None:
    codes = encode(lambda images: (greys(images), greys(images)), Greys())
    assert repr(codes) == "Codes(mean=(10, 3), logvar=(10, 3), index=(10,))"


def test_a_learner_of_the_suite_is_encoded_whatever_its_variance() -> None:
    class Vague(Learner):
        def encode(self, images: Images) -> tuple[Images, Images]:
            mean = greys(images).numpy()
            return mean, mean + 190

        def decode(self, codes: Images) -> Images:
            return codes

        def state(self) -> State:
            return {}

        def load(self, state: object) -> None: ...

    np.testing.assert_allclose(encode(Vague(), Greys()).representation("mean", "run"), MEAN, rtol=1e-6)


def test_stored_codes_with_too_large_a_log_variance_say_so() -> None:
    codes = Codes(MEAN, MEAN + 190, np.arange(10))
    with pytest.raises(ValueError, match=r"logvar is 190\.9 at row 9, dim 0: its exp\(logvar / 2\) leaves the range"):
        codes.representation("sampled", "run")

"""One run, the schedule it is trained by, and its identity.

A run is one (model, strength, seed, data set, schedule). Its id is a hash of what changes its numbers and of
nothing else, so a run of two studies is trained once, and a changed hyper-parameter never overwrites a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench import registry
from bench.data.sampling import ALL, Sampling
from bench.store import files
from bench.store.record_types import is_line
from bench.values import ConfigError, one_of

# columns of losses.csv after the step; a model may record more
LOSSES = ("loss", "reconstruction", "kl", "regulariser", "total_correlation")
PRECISIONS = ("float32", "tf32", "bfloat16")
UPDATES = ("even", "published")  # updates of a model: the schedule's, or the fraction that it had in its study
# the names in `bench.networks.parts.convolutions`, which needs torch; auto: the fastest on the device
CONVOLUTIONS = ("auto", "grouped", "matmul", "triton")
FIRST_PAIRS = "paper"  # is in no id: ids are older than rules of pairs
# by which rule pairs of images are drawn (`bench.models.parts.pairs`), and the hyper-parameter that it reads
PAIRS = {FIRST_PAIRS: "changes", "resampled": "changes", "dlib": "changes", "uniform": None, "laplace": "rate"}
TRAINED_ON = "; trained on "  # in a label, before the sampling: nothing else has it
ON = " on "  # between a model and its sampling, where the two are one name
TRAINING = 1  # version of batches, noise and optimiser (`bench/training`): of every model; the first is in no id
USUAL_UPDATES = ((32, 1e-3), (64, 1e-4))  # images of an update and the learning rate, of `quick` and of `published`
USUAL_DIMS = 10
FIRST_NETWORKS = ("locatello2019", "small")  # their first version is in no id: ids are older than versions of networks


@dataclass(frozen=True)
class Schedule:
    """How gradient-trained models are trained. The first group of fields changes numbers and is hashed.

    `sized_by_data` says that `image_size` is of the suite's data sets alone, and those of the user's own are seen at
    their size (`bench.study.grid`).
    """

    steps: int
    batch_size: int
    learning_rate: float
    image_size: int
    architecture: str
    latent_dim: int
    threads: int
    name: str
    checkpoint_every: int
    log_every: int
    precision: str = "float32"
    convolution: str = "auto"
    stack: int | None = None
    compile: bool = True
    fleet: int = 32
    updates: str = "even"
    sized_by_data: bool = False

    HASHED = (
        "steps", "batch_size", "learning_rate", "image_size", "architecture", "latent_dim", "threads", "precision",
    )  # fmt: skip

    def __post_init__(self) -> None:
        one_of("precision", self.precision, PRECISIONS)
        one_of("updates", self.updates, UPDATES)
        one_of("convolution", self.convolution, CONVOLUTIONS)
        one_of("architecture", self.architecture, registry.names("networks"))
        if not is_line(self.label):
            raise ConfigError(f"trainer.name must be one printable line without markup, got {self.name!r}")
        if TRAINED_ON in self.name:
            raise ConfigError(
                f"trainer.name must not hold {TRAINED_ON!r}, which tells of a sampling, got {self.name!r}"
            )

    @property
    def label(self) -> str:
        """The schedule in words, as printed beside every result of its runs: what is as usual is left out."""
        parts = [] if self.architecture in FIRST_NETWORKS else [self.architecture]
        parts += [] if self.precision == "float32" else [self.precision]
        label = ", ".join([f"{self.name}: {self.steps:,} steps", f"{self.image_size}x{self.image_size} px", *parts])
        return with_unusual(label, vars(self))


def with_unusual(label: str, schedule: Mapping[str, Any]) -> str:
    """A label with dims, images an update and learning rate that are not as usual: older records lack them.

    Args:
        label: of a schedule or a run.
        schedule: its hashed fields; a fitted learner has none of these.
    """
    dims = schedule.get("latent_dim", USUAL_DIMS)
    images, rate = schedule.get("batch_size", 32), schedule.get("learning_rate", 1e-3)
    words = [] if dims == USUAL_DIMS else [f"{dims} dims"]
    words += [] if (images, rate) in USUAL_UPDATES else [f"{images} images an update", f"learning rate {rate:g}"]
    of_schedule, mark, trained_on = label.partition(TRAINED_ON)
    return ", ".join([of_schedule, *(word for word in words if word not in of_schedule)]) + mark + trained_on


@dataclass(frozen=True)
class Run:
    """One run of the grid, resolved: everything that decides its numbers.

    `sweeps` names the hyper-parameter that strength chooses, `value` is its value, `strength_index` the index of that
    among the model's published values (None for a value outside the list). All are None for a model that sweeps none.
    """

    model: str
    version: int
    fitted: bool
    hyper: Mapping[str, float]
    sweeps: str | None
    strength_index: int | None
    value: float | None
    seed: int
    dataset: str
    dataset_version: int
    schedule: Schedule
    checkpoint: str | None = None  # sha256 of weights that replaced training
    networks_version: int = 1
    pairs: str = FIRST_PAIRS  # for a model of pairs, the rule that draws them
    sampling: Sampling = ALL  # which images it is trained on, and how often

    def config(self) -> dict[str, Any]:
        """The content that the id is a hash of; for a fitted learner it does not depend on steps."""
        hashed = ("image_size",) if self.fitted else Schedule.HASHED
        unversioned = self.fitted or (self.networks_version == 1 and self.schedule.architecture in FIRST_NETWORKS)
        versioned = {} if unversioned else {"architecture_version": self.networks_version}
        if not self.fitted and TRAINING > 1:
            versioned["training_version"] = TRAINING
        adopted = {} if self.checkpoint is None else {"checkpoint": self.checkpoint}
        pair_rule = {} if self.pairs == FIRST_PAIRS else {"pairs": self.pairs}
        trained_on = {} if self.sampling == ALL else {"sampling": self.sampling.entry()}
        return (
            adopted
            | trained_on
            | {
                "model": {"name": self.model, "version": self.version, "hyper": dict(self.hyper)} | pair_rule,
                "seed": self.seed,
                "dataset": {"name": self.dataset, "version": self.dataset_version},
                "schedule": {k: getattr(self.schedule, k) for k in hashed} | versioned,
            }
        )

    def record(self) -> dict[str, Any]:
        """The config.json of a run's folder: the configuration, and labels for readers."""
        return self.config() | {
            "id": self.id,
            "hyperparameter": self.sweeps,
            "strength": self.strength_index,
            "value": self.value,
            "schedule_label": self.label,
        }

    @cached_property
    def id(self) -> str:
        """Twelve hex digits: the hash of `config()`."""
        return files.digest(self.config())

    @property
    def label(self) -> str:
        """The schedule in words, with the sampling if it is not all images."""
        return (
            self.schedule.label if self.sampling == ALL else f"{self.schedule.label}{TRAINED_ON}{self.sampling.label}"
        )

    @property
    def training(self) -> str:
        """How it is trained, as printed beside every result; a fitted learner takes no steps."""
        size, trained_on = self.schedule.image_size, self.label.removeprefix(self.schedule.label)
        if self.fitted:
            return f"{self.schedule.name}: fitted directly, {size}x{size} px{trained_on}"
        pairs = "" if self.pairs == FIRST_PAIRS else f", {self.pairs} pairs"
        return f"{self.schedule.label}{pairs}{trained_on}"

    @property
    def group(self) -> tuple[str, str]:
        """Runs that can train together as a fleet share this: (model, data set)."""
        return self.model, self.dataset

    @property
    def named(self) -> str:
        """The model as tables and figures name it, with the sampling if it is not all images."""
        return self.model if self.sampling == ALL else f"{self.model}{ON}{self.sampling.label}"

    def __str__(self) -> str:
        trained_on = "" if self.sampling == ALL else f", {self.sampling.label}"
        return f"{self.setting}, seed {self.seed}, on {self.dataset}{trained_on} [{self.id}]"

    @property
    def setting(self) -> str:
        """The model and its swept hyper-parameter, in words."""
        return self.model if self.value is None else f"{self.model}, {self.sweeps} {self.value:g}"


class Frozen(dict[str, float]):
    """Hyper-parameters that can be part of a hashable run."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))

"""Codes from elsewhere as a member of a study: their name, and their identity in the store."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from bench.store import files

LABEL = "codes from a file"


@dataclass(frozen=True)
class GivenCodes:
    """Codes that were not trained here; they are scored, drawn, exported and compared like the codes of a `run.Run`.

    Attributes:
        model: the name they are listed under.
        seed: tells several representations of one name apart.
        dataset: the data set of their factors; "custom" if it is not one of the suite.
        dataset_version: of its card; None for "custom".
        sha256: of their file.
        file: its name.
        strength_index: index of a setting, for comparisons with models by strength; None: none.
        value: of the hyper-parameter that they were trained with, if any.
    """

    model: str
    seed: int
    dataset: str
    dataset_version: int | None
    sha256: str
    file: str
    strength_index: int | None = None
    value: float | None = None

    label: ClassVar[str] = LABEL  # takes the place of a schedule's label

    def config(self) -> dict[str, Any]:
        """The content that the id is a hash of."""
        settings = {"strength": self.strength_index, "value": self.value}
        return {
            "model": {"name": self.model, "version": 1, "hyper": {}},
            "seed": self.seed,
            "dataset": {"name": self.dataset, "version": self.dataset_version},
            "codes": self.sha256,
        } | ({} if self.strength_index is None and self.value is None else {"setting": settings})

    def record(self) -> dict[str, Any]:
        """The config.json of the run folder, in the form of a trained run's."""
        shown = {"id": self.id, "strength": self.strength_index, "value": self.value, "schedule_label": LABEL}
        return self.config() | shown | {"file": self.file}

    @cached_property
    def id(self) -> str:
        """Twelve hex digits: the hash of `config()`."""
        return files.digest(self.config())

    @property
    def group(self) -> tuple[str, str]:
        """(model, data set), like a run's."""
        return self.model, self.dataset

    @property
    def named(self) -> str:
        """Its name in tables and figures, like a run's."""
        return self.model

    def __str__(self) -> str:
        return f"{self.setting}, seed {self.seed}, of {self.dataset} [{self.id}]"

    @property
    def setting(self) -> str:
        """Their name and setting, in words."""
        if self.value is not None:
            return f"{self.model}, value {self.value:g}"
        return self.model if self.strength_index is None else f"{self.model}, strength index {self.strength_index}"

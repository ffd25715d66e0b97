"""The data that a question may use: a study's runs, their scores, its trained models."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.analysis.names import apart
from bench.data import check_version, load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.models.base import Learner
from bench.report.style import Picture
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.run import Run
from bench.table.scores import plan_scores

NamedDrawing = tuple[str, Picture, pd.DataFrame]  # file name, figure, numbers drawn


@dataclass(frozen=True)
class Asked:
    """A study, as questions read it: its runs, and the store of these."""

    plan: Plan
    store: Store

    @cached_property
    def table(self) -> pd.DataFrame:
        """Its score table; names of models include their sampling."""
        return apart(plan_scores(self.plan, self.store)[0])

    def trained(self) -> Iterator[Run]:
        """Its finished runs, in the order of the grid."""
        return (run for run in self.plan.runs if self.store.run(run.id).state() == "done")

    @property
    def to_train(self) -> str:
        """The command that trains it, in words."""
        return f"`{self.store.command(f'train study={self.plan.name}')}` trains it"

    def learner(self, run: Run) -> Learner:
        """The trained model of a run."""
        from bench.training.train import load_learner

        return load_learner(run, self.store.run(run.id))

    def data(self, run: Run) -> DataSet:
        """The images a run was trained on, at its size."""
        check_version(run.dataset, run.dataset_version)
        return at_size(load_data(run.dataset), run.schedule.image_size)

"""The plan of a study: its members, the metrics that score them, and the protocol."""

from dataclasses import dataclass

from bench.data.sampling import ALL
from bench.study.given import LABEL, GivenCodes
from bench.study.protocol import Protocol
from bench.study.run import TRAINED_ON, Run, Schedule

NAMED = 3  # samplings that a line of schedules names

Member = Run | GivenCodes


@dataclass(frozen=True)
class Plan:
    """The plan of a study.

    Attributes:
        name: of its folder in the store.
        title: in words.
        runs: the runs to train.
        metrics: names of the metrics that score them.
        protocol: how they are scored.
        schedule: from which the runs' schedules are derived; None if nothing is trained.
        codes: its members from elsewhere, which are scored but not trained.
        every_metric: whether the study takes metrics that are added later.
    """

    name: str
    title: str
    runs: tuple[Run, ...]
    metrics: tuple[str, ...]
    protocol: Protocol
    schedule: Schedule | None = None
    codes: tuple[GivenCodes, ...] = ()
    every_metric: bool = False

    @property
    def members(self) -> tuple[Member, ...]:
        """The runs and codes that are scored."""
        return (*self.runs, *self.codes)

    @property
    def schedules(self) -> str:
        """The schedules of the runs, in words: the most common one, the samplings, then the models with another.

        Where the data sets of another schedule have no run of the common one, they are named, not the models.
        """
        if not self.runs:
            return LABEL
        groups: dict[str, list[tuple[str, str]]] = {}
        for run in self.runs:
            groups.setdefault(run.training.partition(TRAINED_ON)[0], []).append(run.group)
        common, *others = sorted(groups, key=lambda label: -len(groups[label]))
        with_common = {dataset for _, dataset in groups[common]}
        exceptions = []
        for label in others:
            models, datasets = zip(*groups[label], strict=True)
            named = models if with_common & {*datasets} else datasets
            exceptions.append(f"{', '.join(dict.fromkeys(named))}: {label.partition(': ')[2]}")
        samplings = dict.fromkeys(run.sampling for run in self.runs)
        if [*samplings] != [ALL]:
            labels = [sampling.label for sampling in samplings]
            common += TRAINED_ON + (" / ".join(labels) if len(labels) <= NAMED else f"{len(labels)} samplings")
        return f"{common} ({'; '.join(exceptions)})" if exceptions else common

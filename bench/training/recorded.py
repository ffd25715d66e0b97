"""Runs from their records: what config.json describes, and the model that its folder holds."""

from typing import TYPE_CHECKING

from bench.data.sampling import ALL, of_entry
from bench.store.files import StoreError
from bench.store.folders import RunFolder
from bench.store.record_types import ConfigRecord, read_record
from bench.study.grid import schedule_of
from bench.study.learner import swept
from bench.study.run import FIRST_PAIRS, Frozen, Run

if TYPE_CHECKING:
    from bench.models.base import Learner

# what the record of a fitted run leaves out of its schedule, for it is not trained in steps
OF_FITTED = {"steps": 1, "batch_size": 1, "learning_rate": 1.0, "architecture": "small", "latent_dim": 1, "threads": 1}


def run_of(record: ConfigRecord, fitted: bool = False) -> Run:
    """The run that a config.json describes; how often it was saved is not in it, and left at every step."""
    model, dataset = record["model"], record["dataset"]
    handling = {"name": record["schedule_label"].partition(": ")[0], "checkpoint_every": 1, "log_every": 1}
    return Run(
        model=model["name"],
        version=model["version"],
        fitted=fitted,
        hyper=Frozen(model["hyper"]),
        sweeps=record["hyperparameter"] if "hyperparameter" in record else swept(model["name"]),
        strength_index=record["strength"],
        value=record["value"],
        seed=record["seed"],
        dataset=dataset["name"],
        dataset_version=dataset["version"] or 1,
        pairs=model.get("pairs", FIRST_PAIRS),
        sampling=of_entry(record["sampling"]) if "sampling" in record else ALL,
        schedule=schedule_of({**(OF_FITTED if fitted else {}), **record["schedule"], **handling}),
    )


def trained_here(folder: RunFolder) -> "Learner":
    """The model of a finished run, trained or fitted, from its folder.

    Raises:
        StoreError: the folder is of no finished run, or a file of it is damaged or was changed.
    """
    from bench import registry
    from bench.models.base import Fitted
    from bench.training.train import load_learner

    if not folder.done.exists() or not folder.weights.exists():
        raise StoreError(
            f"{folder.path} is not the folder of a finished run: it lacks done.json or weights.safetensors"
        )
    record = read_record(folder.config, ConfigRecord)
    run = run_of(record, fitted=issubclass(registry.load("models", record["model"]["name"]), Fitted))
    if run.id != record["id"]:
        raise StoreError(f"{folder.config} is not that of the run {record['id']}: it was changed")
    return load_learner(run, folder)

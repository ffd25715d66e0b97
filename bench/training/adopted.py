"""Runs that take the weights of a file in the place of training."""

from pathlib import Path

from bench.store.claims import claiming
from bench.store.files import read_arrays, remove, write_arrays, write_json
from bench.store.folders import Store
from bench.store.weights import write_done
from bench.study.run import Run
from bench.training.train import new_learner, provenance


def adopt(run: Run, store: Store, checkpoint: Path) -> bool:
    """Use the weights of a file instead of training; the run is then encoded and scored like any other.

    Returns:
        False if another process has the run, which is then left to it.

    Raises:
        StoreError: the file is no safetensors file or is truncated.
        ModelError: its weights are those of another architecture.
    """
    learner = new_learner([run])
    learner.load(read_arrays(checkpoint)[0])
    folder = store.run(run.id)
    with claiming([folder]) as (claim,):
        if claim is not None and folder.state() != "done":
            remove(folder.failed)
            write_json(folder.config, run.record())
            write_arrays(folder.weights, learner.state())
            write_done(folder, provenance() | {"device": "none: weights were given", "seconds": 0.0})
    return claim is not None

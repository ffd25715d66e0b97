"""One thread a process, as training has it: other numbers give other bits, and tests run beside other work."""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import pool
from bench.pool import THREAD_VARIABLES, Pool

for name in THREAD_VARIABLES:
    os.environ[name] = "1"  # before torch is imported, which reads it

import torch  # noqa: E402

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels are interpreted; before triton is imported

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402

from bench.study.learner import swept  # noqa: E402

MODELS = ["annealed_vae", "beta_tcvae", "beta_vae", "dip_vae_i", "dip_vae_ii", "factor_vae"]
SCORES = {
    "beta_vae_test": "beta_vae_score", "factor_vae_test": "factor_vae_score", "mig": "mig", "lr_10000": "downstream",
    "gbt_10000": "downstream", "gbt_efficiency": "downstream", "gaussian_total_correlation": "unsupervised",
}  # fmt: skip


TESTS = Path(__file__).parent
# Files of tests that take 10 seconds or more of an idle core, the longest first.
LONGEST = (
    "test_study.py", "training/test_fleet.py", "metrics/test_golden.py", "report/test_figures.py",
    "launch/test_joblib.py", "networks/test_convolutions.py", "test_metric_kinds.py", "metrics/test_contract.py",
    "test_terminal.py", "report/test_legible.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Files go to the processes of pytest-xdist in the order below, not by their numbers of tests."""
    config.option.loadscopereorder = False
    if missing := [name for name in LONGEST if not (TESTS / name).is_file()]:
        raise pytest.UsageError(f"tests/conftest.py lists {', '.join(missing)}, which is not there")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files start first: none is left to run alone at the end."""
    place = {TESTS / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def follow_here(
    _: Pool, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, str, Any]]:
    """`Pool.follow` without a worker: what would be sent is pickled all the same; nothing ends a task that hangs."""
    for position, task in enumerate(tasks):
        messages: list[pool.Message] = []
        called, given = pickle.loads(pickle.dumps((function, task)))
        pool._up = messages.append
        try:
            messages.append(("result", called(*given)))
        except Exception as fault:
            messages.append(("raised", pool._portable(fault)))
        finally:
            pool._up = None
        for kind, value in pickle.loads(pickle.dumps(messages)):
            if kind != "limit":
                yield position, kind, value


@pytest.fixture(scope="module")
def without_workers() -> Iterator[None]:
    """Tasks of a pool are done in this process: a worker costs the seconds in which it imports what they need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "follow", follow_here)
        yield


@pytest.fixture(scope="module")
def without_the_shipped_table() -> Iterator[None]:
    """The store's own scores alone count: each look into the shipped table reads its 200,000 rows."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("public", "verification", "scores"):
            patch.setattr(f"bench.table.{place}.reference_of", lambda store: None)
        yield


@pytest.fixture(scope="session")
def study_table() -> pd.DataFrame:
    """Scores of 6 models x 6 strengths x 5 seeds on 2 data sets, mean and sampled; later models are better."""
    rng = np.random.default_rng(0)
    rows = []
    for dataset in ("dsprites", "noisy_dsprites"):
        for m, model in enumerate(MODELS):
            for strength in range(6):
                for seed in range(5):
                    good = 0.2 + 0.025 * m + 0.03 * strength + rng.normal(0, 0.05) - 0.1 * (dataset != "dsprites")
                    run = {"run": f"{dataset}-{model}-{strength}-{seed}", "model": model, "strength_index": strength}
                    run |= {
                        "hyperparameter": swept(model),
                        "value": 2.0**strength,
                        "seed": seed,
                        "dataset": dataset,
                        "schedule": "quick",
                    }
                    for representation in ("mean", "sampled"):
                        for name, metric in SCORES.items():
                            score = float(np.clip(good + rng.normal(0, 0.06), 0, 1))
                            rows.append(
                                run
                                | {"representation": representation, "metric": metric, "name": name, "factor": None}
                                | {"score": score, "version": 1, "num_train": 100, "num_test": 50, "cell": metric}
                            )
    return (
        pd.DataFrame(rows).assign(seconds=0.1).astype({"strength_index": "Int64", "factor": "string", "value": float})
    )

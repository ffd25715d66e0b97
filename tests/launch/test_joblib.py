"""A study in the jobs of a launcher gives the scores of one in this process; what dies loses nothing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import bench
from bench.launch.base import LaunchError, engine, environment, start
from bench.launch.driver import Work, distribute
from bench.launch.local import job as finish
from bench.store import shipped
from bench.store.folders import Store
from bench.study.grid import plan
from bench.study.record import extend
from bench.values import ConfigError

pytestmark = pytest.mark.long  # left out of `make check`

GRID = [
    "model=[beta_vae]", "strength=[0]", "strength_of=null", "seed=[0,1]", "dataset=dsprites", "trainer.steps=20",
    "trainer.batch_size=8", "metric=[mig]", "scoring.pool=500", "scoring.num_points=400", "study.name=tiny",
]  # fmt: skip


def work(results: Path, *overrides: str, job: Callable[..., None] = finish) -> Work:
    """The tiny study as work for a launcher."""
    with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
        config = compose("config", [*GRID, *overrides])
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    study, place = plan(settings), Store(results)

    def missing() -> list[Any]:
        return [r for r in study.runs if not place.run(r.id).score_files()]

    extend(study, place)
    return Work("run", study, settings, place, missing, job)


def scored(results: Path) -> pd.DataFrame:
    """The score table without wall times, in a fixed order."""
    table = bench.scores("tiny", results).drop(columns=["seconds", "train_seconds"]).astype(object)
    return table.sort_values(["run", "metric", "name"], ignore_index=True)


def dies_once(stage: str, part: Any, path: Path, settings: Any) -> None:
    """A job that is killed the first time."""
    mark = path / "died"
    if mark.exists():
        return finish(stage, part, path, settings)
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)


def raises(stage: str, part: Any, path: Path, settings: Any) -> None:
    if part.runs[0].seed == 0:
        raise OSError("no space left")
    finish(stage, part, path, settings)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of the study, done in this process."""
    own = work(tmp_path_factory.mktemp("here"), "launcher=joblib")
    finish("run", own.plan, own.store.path, own.settings | {"device": "cpu"})
    return scored(own.store.path)


def test_joblib_gives_the_scores_of_this_process_even_after_a_worker_was_killed(
    here: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = work(tmp_path, "launcher=joblib", "launcher.runs=2", job=dies_once)
    lost = distribute(own)
    assert lost
    assert all("killed" in why for why in lost.values())
    assert distribute(own) == {}
    pd.testing.assert_frame_equal(scored(tmp_path), here)
    assert distribute(own) == {}
    assert "run: nothing is missing" in capsys.readouterr().err


def test_a_job_that_raises_is_named_and_ends_no_other(tmp_path: Path, here: pd.DataFrame) -> None:
    lost = distribute(work(tmp_path, "launcher=joblib", "launcher.runs=1", job=raises))
    assert lost
    assert list(lost.values()) == ["job 0: OSError: no space left"]
    alone = here[(here["seed"] == 1) & (here["metric"] != "udr")]  # which is among the seeds of a setting
    pd.testing.assert_frame_equal(scored(tmp_path), alone.reset_index(drop=True))


def test_jobs_that_end_with_the_driver_must_be_waited_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="end with this process"):
        distribute(work(tmp_path, "launcher=joblib", "+launcher.wait=false"))


def test_a_gpu_is_asked_for_before_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"launcher\.gpus=1"):
        distribute(work(tmp_path, "launcher=joblib", "device=cuda"))


def test_a_missing_engine_names_its_extra() -> None:
    with pytest.raises(LaunchError, match=r"pip install 'disentanglement-bench\[slurm\]'"):
        engine("no_such_engine", "slurm")


def test_an_unknown_launcher_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Known: joblib, ray, slurm"):
        start({"name": "slrum"}, tmp_path)


def test_jobs_find_this_package_whatever_folder_they_start_in() -> None:
    assert environment()["PYTHONPATH"].split(os.pathsep)[0] == str(Path(bench.__file__).resolve().parents[1])

"""Runs are divided into jobs in one way, whoever does them, and shipped costs tell about what they take."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench import registry
from bench.data.sampling.subset import Subset
from bench.launch.costs import DEVICES, ShippedCosts, _costs
from bench.launch.jobs import described, device_of, jobs_of
from bench.scoring.runs import cells
from bench.store import shipped
from bench.study.grid import plan
from bench.study.plan import Plan
from bench.study.run import Run
from bench.values import ConfigError
from benchmarks.study_cost import makespan

GRID = ["model=[beta_vae,pca]", "strength=[0,1]", "strength_of=null", "seed=0..4", "dataset=[dsprites,noisy_dsprites]"]


def study(*overrides: str) -> tuple[Plan, dict[str, Any]]:
    with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
        config = compose("config", [*overrides])
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return plan(settings), settings


@pytest.fixture(scope="module")
def grid() -> tuple[Run, ...]:
    return study(*GRID, "trainer.fleet=4")[0].runs


@pytest.mark.parametrize(
    ("launcher", "on_gpu", "sizes"),
    [
        ({"name": "local"}, False, [1] * 30),
        ({"name": "joblib", "cpus": 1, "gpus": 0, "runs": 4}, False, [4, 4, 2, 4, 1] * 2),
        ({"name": "slurm", "cpus": 8, "gpus": 0, "runs": None}, False, [8, 2, 5] * 2),
        ({"name": "slurm", "cpus": 8, "gpus": 1, "runs": 2}, True, [4, 4, 2, 4, 1] * 2),
        ({"name": "local"}, True, [4, 4, 2, 4, 1] * 2),
    ],
)
def test_a_job_is_of_one_model_data_set_and_schedule_and_no_larger_than_asked(
    grid: tuple[Run, ...], launcher: dict[str, Any], on_gpu: bool, sizes: list[int]
) -> None:
    jobs = jobs_of(grid, launcher, on_gpu)
    assert [len(job) for job in jobs] == sizes
    assert all(len({(run.group, run.schedule) for run in job}) == 1 for job in jobs)
    assert {run for job in jobs for run in job} == set(grid)


def test_runs_whose_pairs_or_images_are_drawn_by_other_rules_are_no_fleet(grid: tuple[Run, ...]) -> None:
    apart = (grid[0], replace(grid[0], pairs="dlib"), replace(grid[0], sampling=Subset(100)))
    assert jobs_of(apart, {"name": "local"}, on_gpu=True) == [(run,) for run in apart]


def test_jobs_are_told_in_words(grid: tuple[Run, ...]) -> None:
    assert (
        described(jobs_of(grid, {"runs": 4}, False), "ray", False) == "launcher=ray: 10 jobs of up to 4 runs, on CPUs"
    )
    assert described([grid[:1]], "local", True) == "launcher=local: 1 job of 1 run, on a GPU"


def test_a_gpu_is_used_where_jobs_ask_for_one() -> None:
    assert device_of({"device": "auto", "launcher": {"gpus": 1}}) == "cuda"
    assert device_of({"device": "auto", "launcher": {"gpus": 0}}) == "cpu"
    for device in ("cpu", "cuda"):
        assert device_of({"device": device, "launcher": {"gpus": 1}}) == device
    with pytest.raises(ConfigError, match=r"launcher\.gpus=1"):
        device_of({"device": "cuda", "launcher": {"gpus": 0}})


def test_the_2019_study_has_an_estimate_before_anything_was_run() -> None:
    whole, _ = study("study=locatello2019", "trainer.convolution=triton", "seed=[0]")
    core, card = (ShippedCosts(device, "published") for device in DEVICES)
    trained, on_cards = core.train(whole.runs), card.train(whole.runs)
    scored = core.score([(run, cells(whole.metrics, whole.protocol)) for run in whole.runs])
    assert trained is not None
    assert on_cards is not None
    assert scored is not None
    assert 6 < trained / len(whole.runs) / 3600 < 8.5  # hours a model, as README says
    assert 30 < on_cards / len(whole.runs) < 60  # seconds
    assert 60 < scored / len(whole.runs) < 300


def test_studies_say_of_their_training_what_a_dry_run_does() -> None:
    said: dict[str, int] = {}
    for file in (shipped.conf_dir() / "study").glob("*.yaml"):
        head = " ".join(line[1:].strip() for line in file.read_text().splitlines() if line.startswith("#"))
        if told := re.search(r"(\d+) core-hours", head):
            said[file.stem] = int(told[1])
    assert {"small", "generalise", "fairness"} <= said.keys()
    for name, core_hours in said.items():
        whole, _ = study(f"study={name}")
        seconds = ShippedCosts("cpu core", whole.protocol.name).train(whole.runs)
        assert seconds is not None
        assert 2 / 3 < core_hours / (seconds / 3600) < 4 / 3, name


def test_times_grow_with_steps_and_batches_and_a_new_model_has_none(grid: tuple[Run, ...]) -> None:
    run, core = grid[0], ShippedCosts("cpu core", "quick")
    double = replace(run, schedule=replace(run.schedule, steps=2 * run.schedule.steps, batch_size=16))
    assert core.train([double]) == core.train([run])
    assert core.train([run, replace(run, model="mine")]) is None
    assert core.score([(run, [replace(cell, metric="mine") for cell in cells(["mig"], PROTOCOL)])]) is None


PROTOCOL = study()[0].protocol


def test_every_shipped_model_and_metric_has_a_cost_on_a_cpu_core() -> None:
    costs = _costs()
    models = {p.stem: yaml.safe_load(p.read_text()) for p in (shipped.conf_dir() / "model").glob("*.yaml")}
    known = costs["cpu core"]["models"].keys() | costs["cpu core"]["fits"].keys()
    assert known == models.keys()
    assert costs["scores"]["quick"].keys() == set(registry.names("metrics"))


def test_jobs_on_several_gpus_end_when_the_last_of_them_does() -> None:
    assert makespan([3.0, 1.0, 1.0, 1.0], 1) == 6.0
    assert makespan([3.0, 1.0, 1.0, 1.0], 2) == 3.0
    assert makespan([1.0, 1.0, 3.0], 2) == 4.0  # the list is taken in its order

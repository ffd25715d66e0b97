"""Figures of a study that is not finished say what there is of it and what is missing."""

import dataclasses

import pandas as pd
from merging.tables import BETA, QUICK, RUNS

from bench.report.schedules import schedules_of
from bench.study.plan import Plan
from bench.study.run import Run

TCVAE = dataclasses.replace(BETA, model="beta_tcvae")
LABEL = BETA.schedule.label


def told(planned: list[Run], scored: list[Run]) -> str:
    plan = Plan("full", "Full", tuple(planned), ("mig",), QUICK)
    return schedules_of(plan, pd.DataFrame({"run": [run.id for run in scored]}))


def test_a_finished_study_states_its_schedule_alone() -> None:
    assert told(RUNS, RUNS) == LABEL


def test_an_unfinished_one_names_what_there_is_and_what_is_missing() -> None:
    assert told([*RUNS, TCVAE], RUNS[:2]) == (f"{LABEL}; 2 of 4 planned runs (2 of 3 of beta_vae; none of beta_tcvae)")


def test_schedules_of_single_models_stay_in_the_brackets() -> None:
    half = dataclasses.replace(TCVAE, schedule=dataclasses.replace(BETA.schedule, steps=1_000))
    shorter = half.schedule.label.partition(": ")[2]
    assert shorter.startswith("1,000 steps")
    assert told([*RUNS, half], RUNS) == (
        f"{LABEL}; 3 of 4 planned runs (beta_tcvae: {shorter}; 3 of 3 of beta_vae; none of beta_tcvae)"
    )


def test_of_several_data_sets_each_is_named() -> None:
    noisy = dataclasses.replace(BETA, dataset="noisy_dsprites")
    assert told([BETA, noisy], [BETA]).endswith("(1 of 1 of beta_vae on dsprites; none of beta_vae on noisy_dsprites)")

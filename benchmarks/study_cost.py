"""The cost of the whole study of Locatello et al. 2019 on 1, 8 and 64 GPUs, simulated with measured times of its jobs.

python -m benchmarks.study_cost [--gpus 1 8 64] [--start 45] [--watts 344] [STUDY WORDS ...]

The jobs are those into which `run` would divide the study. A job takes the shipped time of its updates
(`bench/launch/costs.yaml`) plus `--start` seconds for its process, data and kernels. Each GPU takes the next job of the
list when it is free. Encoding and scoring use CPU cores; their times are the shipped ones of the protocol. `--watts` is
the power of one GPU during training. Nothing is trained, and the simulation has no faults.
"""

import argparse
import heapq
from collections.abc import Sequence

from bench.launch.costs import ShippedCosts
from bench.launch.jobs import jobs_of
from bench.scoring.runs import cells
from bench.study.plan import Plan

P100_HOURS = 1.75  # of one model, reported by the paper's authors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", default=["study=locatello2019"], help="a study, in words of the command")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--start", type=float, default=45.0, help="seconds before the first update of a job")
    parser.add_argument("--watts", type=float, default=344.0)
    chosen = parser.parse_args()
    plan = planned(chosen.words)
    jobs = job_seconds(plan, chosen.start)
    scoring = scoring_seconds(plan)
    print(f"{len(plan.runs):,} models in {len(jobs):,} jobs; training {sum(jobs) / 3600:.0f} hours of one GPU")
    hours, p100_hours = sum(jobs) / 3600, len(plan.runs) * P100_HOURS
    print(
        f"energy of the GPUs: {hours * chosen.watts / 1000:.0f} kWh; the study's: {p100_hours / 24:.0f} days of a P100"
    )
    if scoring is not None:
        print(f"encoding and scoring: {scoring / 3600:.0f} hours of a CPU core")
    print("\n| GPUs | hours | busy |\n|---|---|---|")
    for gpus in chosen.gpus:
        wall = makespan(jobs, gpus) / 3600
        print(f"| {gpus} | {wall:.1f} | {hours / gpus / wall:.0%} |")


def job_seconds(plan: Plan, start: float) -> list[float]:
    """Seconds of each job of a study on one GPU, in the order of the list.

    Raises:
        SystemExit: the time of a job was not measured.
    """
    costs, seconds = ShippedCosts("H200", plan.protocol.name), []
    for job in jobs_of(plan.runs, {}, on_gpu=True):
        trained = costs.train(job)
        if trained is None:
            raise SystemExit(f"no run like {job[0]} was measured on a GPU")
        seconds.append(start + trained)
    return seconds


def scoring_seconds(plan: Plan) -> float | None:
    """Seconds of a CPU core that encoding and scoring a study take; None where that was not measured."""
    costs, wanted = ShippedCosts("H200", plan.protocol.name), cells(plan.metrics, plan.protocol)
    return costs.score([(run, wanted) for run in plan.runs])


def makespan(jobs: Sequence[float], gpus: int) -> float:
    """Seconds until all jobs are done on `gpus` GPUs, each of which takes the next job when it is free."""
    free_at = [0.0] * gpus
    for seconds in jobs:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def planned(words: Sequence[str]) -> Plan:
    """The plan of a study, from words of the command line."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from bench.store import shipped
    from bench.study.grid import plan

    with initialize_config_dir(str(shipped.conf_dir()), version_base=None):
        config = OmegaConf.to_container(compose("config", list(words)), resolve=True)
    assert isinstance(config, dict)
    return plan(config)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

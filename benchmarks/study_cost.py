"""What the whole study of Locatello et al. 2019 takes on 1, 8 and 64 GPUs: its jobs, simulated with measured times.

python -m benchmarks.study_cost [--gpus 1 8 64] [--start 45] [--watts 344] [STUDY WORDS ...]

The jobs are those that `run` would divide the study into; a job takes the shipped time of its updates
(`bench/launch/costs.yaml`) and `--start` seconds for its process, data and kernels. Each GPU takes the next job of the
list when it is free. Encoding and scoring are of CPU cores, by the shipped times of the protocol. `--watts` is what one
GPU draws while it trains. Nothing is trained, and machines are taken to run without a fault.
"""

import argparse
import heapq
from collections.abc import Sequence

from bench.launch.costs import ShippedCosts
from bench.launch.jobs import jobs_of
from bench.scoring.runs import cells
from bench.study.plan import Plan

P100_HOURS = 1.75  # of one model, as the paper's authors report theirs


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
    hours, once = sum(jobs) / 3600, len(plan.runs) * P100_HOURS
    print(f"energy of the GPUs: {hours * chosen.watts / 1000:.0f} kWh; the study's: {once / 24:.0f} days of a P100")
    if scoring is not None:
        print(f"encoding and scoring: {scoring / 3600:.0f} hours of a CPU core")
    print("\n| GPUs | hours | busy |\n|---|---|---|")
    for gpus in chosen.gpus:
        wall = makespan(jobs, gpus) / 3600
        print(f"| {gpus} | {wall:.1f} | {hours / gpus / wall:.0%} |")


def job_seconds(plan: Plan, start: float) -> list[float]:
    """Seconds of each job of a study on one GPU, in the order of the list.

    Raises:
        SystemExit: nothing like one of its runs was measured.
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
    """Seconds until the last of `gpus` is done that each take the next job when they are free."""
    free = [0.0] * gpus
    for seconds in jobs:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def planned(words: Sequence[str]) -> Plan:
    """The study that words of the command line describe."""
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

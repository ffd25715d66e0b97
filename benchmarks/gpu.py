"""The device programme, in resumable pieces: correctness, speed, and the models that are wanted next.

python -m benchmarks.gpu correctness|speed|next --out DIR [--minutes 9] [--wheels FOLDER] [--device cuda|cpu]

`--out` gathers what is to be brought back; the same call again goes on where the last one stopped. `--wheels` installs
missing packages from a folder first, for machines without a network. `next` is `benchmarks.device_programme`; it takes
`--work FOLDER` and `--wait SECONDS` besides. `--device cpu` is the dry run: the same code with few steps and small
networks.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS, ROUND_SECONDS, PROFILED = 5, 0.3, 3
GPU_TESTS = "tests/training/test_fleet_on_gpu.py", "tests/networks/test_convolutions.py"


def main() -> None:
    """Run one piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=["correctness", "speed", "next"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--work", type=Path, help="of next: where it works, and goes on between two calls")
    parser.add_argument("--wait", type=float, default=540, help="of next: seconds until a call returns at the latest")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.wheels:
        wheels = map(str, sorted(chosen.wheels.glob("*.whl")))
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *wheels], check=True)
    if chosen.piece == "next":
        from benchmarks.device_programme import take_next

        work = chosen.work or chosen.out.with_name(f"{chosen.out.name}-work")
        return take_next(chosen.out, work, chosen.device, chosen.minutes, chosen.wait)
    pieces = {"correctness": correctness, "speed": speed}
    sys.exit(pieces[chosen.piece](chosen.out, chosen.device, time.monotonic() + 60 * chosen.minutes))


def correctness(out: Path, device: str, deadline: float) -> int:
    """The tests that need a device; their report goes to DIR/correctness.txt, also where the time was too short."""
    left = max(1.0, deadline - time.monotonic())
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu" if device == "cuda" else "not slow and not gpu"]
    report = out / "correctness.txt"
    with report.open("w") as file:
        try:
            code = subprocess.run(
                [*command, *GPU_TESTS], stdout=file, stderr=subprocess.STDOUT, timeout=left
            ).returncode
        except subprocess.TimeoutExpired:
            code = 1
            file.write(f"\nNOT FINISHED: stopped after {left:.0f} s; give more --minutes\n")
    print(report.read_text())
    return code


def speed(out: Path, device: str, deadline: float) -> int:
    """Microseconds a model-step of each rung of the ladder, what its kernels take, and how they are launched."""
    results = out / "speed.jsonl"
    done = {json.loads(line)["rung"] for line in results.read_text().splitlines()} if results.exists() else set()
    for rung in _rungs(device):
        if str(rung) in done:
            continue
        if time.monotonic() > deadline:
            print("out of time: the same call goes on here")
            return 0
        row: dict[str, Any] = {"rung": str(rung), "device": _device_name(device)}
        try:
            row |= _measure(rung, device)
        except Exception as fault:  # a rung that cannot run is a result of this programme: its error is kept
            row["error"] = f"{type(fault).__name__}: {fault}"
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps({key: value for key, value in row.items() if key not in ("kernels", "ways")}), flush=True)
    return 0


class Rung(NamedTuple):
    """What is timed: `fleet` runs in stacks of `stack`; `way` computes their convolutions."""

    fleet: int = 32
    stack: int = 32
    way: str = "triton"
    precision: str = "tf32"
    model: str = "beta_vae"
    dataset: str = "dsprites"
    networks: str = "locatello2019"
    compiled: bool = True

    def __str__(self) -> str:
        words = f"{self.model} {self.dataset} {self.networks} {self.way} {self.precision}"
        return f"{words} {'compiled' if self.compiled else 'eager'}, fleet {self.fleet}, stack {self.stack}"


def _rungs(device: str) -> Iterator[Rung]:
    """The most telling first."""
    if device == "cpu":
        for fleet, stack, way in ((1, 1, "grouped"), (2, 1, "grouped"), (2, 2, "matmul")):
            yield Rung(fleet, stack, way, "float32", networks="small", compiled=False)
        return
    yield Rung(12, 12)
    yield Rung(12, 12, model="factor_vae")
    yield Rung(precision="bfloat16")
    yield Rung(12, 12, precision="bfloat16")
    yield Rung(60, 60, networks="small")
    yield Rung(60, 60, precision="float32", networks="small")
    yield Rung()
    yield Rung(model="factor_vae")
    for fleet, stack in ((8, 8), (8, 1), (32, 8), (32, 1), (1, 1)):
        yield Rung(fleet, stack)
    for fleet, stack in ((32, 1), (8, 1), (1, 1), (32, 32)):
        yield Rung(fleet, stack, "grouped")
    yield Rung(way="matmul")
    yield Rung(compiled=False)
    yield Rung(dataset="noisy_dsprites")
    yield Rung(model="beta_tcvae")
    for way in ("triton", "grouped"):
        yield Rung(way=way, precision="float32")


def _measure(rung: Rung, device: str) -> dict[str, Any]:
    import torch

    from bench.networks.parts import kernel_choices
    from bench.training.stack import set_precision

    set_precision(rung.precision)
    started = time.perf_counter()
    trained = _fleet(rung, device)
    for _ in range(8):  # algorithms are chosen, kernels compiled, the graph is recorded
        trained.update(recorded=False)
    _wait(device)
    ready = time.perf_counter() - started
    steps = 3 if device == "cpu" else 10
    times: list[float] = []
    while len(times) < 1 + ROUNDS:
        _wait(device)
        started = time.perf_counter()
        for _ in range(steps):
            trained.update(recorded=False)
        _wait(device)
        times.append((time.perf_counter() - started) / steps / rung.fleet * 1e6)
        if len(times) == 1 and device == "cuda":
            steps = max(10, round(ROUND_SECONDS / (times[0] * rung.fleet / 1e6)))
    del times[0]
    memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    spread = {"us_a_model_step": statistics.median(times), "low": min(times), "high": max(times)}
    ways = kernel_choices.choices(torch.cuda.current_device()).chosen if device == "cuda" else {}
    kernels = _kernels(trained, rung.fleet, device)
    return spread | {"memory_gib": memory, "ready_s": ready, "kernels": kernels, "ways": ways}


def _kernels(trained: Any, fleet: int, device: str) -> list[tuple[str, float, float]]:
    """(name, launches a step, us a model-step) of the kernels of an update, the longest first."""
    import torch

    if device == "cpu":
        return []
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(PROFILED):
            trained.update(recorded=False)
        _wait(device)
    rows = [
        (e.key[:90], e.count / PROFILED, e.self_device_time_total / PROFILED / fleet) for e in profile.key_averages()
    ]
    return sorted(rows, key=lambda row: -row[2])


def _fleet(rung: Rung, device: str) -> Any:
    import torch
    import yaml

    from bench import registry
    from bench.data import load_data
    from bench.data.pooled import at_size
    from bench.data.reader import images_on
    from bench.networks.base import image_sizes
    from bench.networks.parts import kernel_choices
    from bench.store import shipped
    from bench.training.batches import Batches
    from bench.training.fleet import Fleet
    from bench.training.stack import Stack

    torch.compiler.reset()
    kernel_choices.choices.cache_clear()  # each rung may measure its kernels
    batch = 8 if device == "cpu" else 32 if rung.networks == "small" else 64
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{rung.model}.yaml").read_text())
    data = at_size(load_data(rung.dataset), image_sizes()[rung.networks] or 64)
    source = images_on(torch.device(device), data)
    hyper = [entry["hyper"] | {entry["sweeps"]: entry["values"][2]}] * rung.stack
    stacks = []
    for start in range(0, rung.fleet, rung.stack):
        seeds = list(range(start, start + rung.stack))
        build = registry.load("models", rung.model)
        learner = build(data.card.image_shape, rung.networks, 10, seeds, hyper, rung.way)
        batches = Batches(source, learner, seeds, batch)
        stacks.append(Stack(learner.to(device), batches, 1e-4, rung.precision, rung.compiled))
    return Fleet(stacks, log_every=1000)


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def _device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "cpu (dry run)"


if __name__ == "__main__":
    main()

"""Real clusters of two nodes on this machine, by hand: a node dies, a job is pre-empted, the driver is interrupted.

`tests/launch/slurm_local.sh install` as root, then `pytest -m slurm tests/launch`; with the extra `ray`, as root,
`pytest -m ray tests/launch`, in a network namespace of its own. Each takes minutes.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.store.files import StoreError, read_arrays
from bench.store.folders import Store

GRID = [
    "model=[beta_vae,pca]", "strength=[0]", "seed=[0,1]", "dataset=dsprites", "trainer.steps=600", "study.name=tiny",
    "trainer.checkpoint_every=40", "trainer.batch_size=8", "scoring.pool=1500", "scoring.num_train=400",
    "scoring.num_test=300", "metric=[mig,unsupervised]",
]  # fmt: skip
SLURM = [
    "launcher=slurm", "launcher.memory_gb=1", "launcher.poll_seconds=1", "launcher.cpus=1", "launcher.runs=1",
    "launcher.minutes=30",
]  # fmt: skip
SLURM_LOCAL = Path(__file__).with_name("slurm_local.sh")
RAY_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
size = {"num_cpus": 1, "object_store_memory": 80_000_000}
cluster = Cluster(initialize_head=True, head_node_args=size | {"include_dashboard": False})
second = cluster.add_node(**size)
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(second, allow_graceful=False)
    second = cluster.add_node(**size)
cluster.shutdown()
"""


def study(results: Path, *words: str, stage: str = "run", within: Sequence[str] = ()) -> subprocess.Popen[str]:
    """The study's command, in a folder from which the package is found by PYTHONPATH alone."""
    results.mkdir(exist_ok=True)
    whole = [*within, sys.executable, "-m", "bench", stage, *GRID, f"results_dir={results}", *words]
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs are started deaf to it
    root = str(Path(bench.__file__).resolve().parents[1])
    return subprocess.Popen(
        whole, stderr=subprocess.PIPE, text=True, cwd=results, env=os.environ | {"PYTHONPATH": root}, preexec_fn=heeded
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What a command told, once it ended well."""
    _, told = process.communicate(timeout=1500)
    print(told)
    assert process.returncode == 0, told
    return told


def until(condition: Callable[[], object], seconds: float = 600) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def steps(results: Path) -> dict[str, int]:
    """Run -> the step of its checkpoint, of runs that are being trained."""
    found = {}
    for file in results.glob("runs/*/checkpoint.safetensors"):
        with suppress(StoreError):  # it was removed meanwhile
            found[file.parent.name] = int(read_arrays(file)[1]["step"])
    return found


def trained(process: subprocess.Popen[str], results: Path, runs: int) -> dict[str, int]:
    """Wait until so many runs are being trained; how far each is."""
    until(lambda: len(steps(results)) >= runs or process.poll() is not None)
    assert process.poll() is None, process.communicate()[1]
    return steps(results)


def never_goes_back(process: subprocess.Popen[str], results: Path, reached: dict[str, int]) -> None:
    """Watch a study to its end: no run that had reached a step is seen before it again."""
    while process.poll() is None:
        assert all(step >= reached.get(run, 0) for run, step in steps(results).items())
        time.sleep(0.2)


def scored(results: Path) -> pd.DataFrame:
    """The score table without wall times, in a fixed order."""
    table = bench.scores("tiny", results).drop(columns=["seconds", "train_seconds"]).astype(object)
    return table.sort_values(["run", "metric", "name", "factor"], ignore_index=True)


def assert_same(results: Path, reference: pd.DataFrame) -> None:
    assert all(Store(results).run(i).state() == "done" for i in reference["run"].unique())
    pd.testing.assert_frame_equal(scored(results), reference, check_exact=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of the study without a launcher."""
    results = tmp_path_factory.mktemp("reference")
    for stage in ("train", "score"):
        finished(study(results, stage=stage))
    return scored(results)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running two-node Slurm."""
    if not shutil.which("slurmctld"):
        pytest.skip(f"needs Slurm: {SLURM_LOCAL} install")
    folder = tmp_path_factory.mktemp("slurm")
    os.environ["SLURM_CONF"] = str(folder / "etc" / "slurm.conf")
    try:
        subprocess.run([SLURM_LOCAL, "start", folder], check=True)
        yield folder
    finally:
        subprocess.run([SLURM_LOCAL, "stop", folder], check=True)


def queued(states: str = "pending,running") -> list[str]:
    asked = ["squeue", "--me", "--noheader", "--array", "--format=%i", f"--states={states}"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()


def kill_node(folder: Path, node: str) -> None:
    """Kill -9 a slurmd with everything that runs under it, as when its power is cut."""
    os.kill(int((folder / "run" / f"{node}.pid").read_text()), signal.SIGKILL)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"SLURMD_NODENAME={node}\0".encode() in (process / "environ").read_bytes():
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                step = (Path("/proc") / str(parent) / "comm").read_text().startswith("slurmstepd")
                for victim in [parent] * step + [int(process.name)]:
                    os.kill(victim, signal.SIGKILL)


@pytest.mark.slurm
def test_slurm_finishes_a_study_after_a_node_was_killed(slurm: Path, reference: pd.DataFrame, tmp_path: Path) -> None:
    process = study(tmp_path, *SLURM)
    reached = trained(process, tmp_path, 2)
    kill_node(slurm, "n1")
    never_goes_back(process, tmp_path, reached)
    finished(process)
    assert_same(tmp_path, reference)
    subprocess.run(["scontrol", "ping"], check=True)
    node = subprocess.Popen(["slurmd", "-D", "-N", "n1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (slurm / "run" / "n1.pid").write_text(str(node.pid))


@pytest.mark.slurm
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_preempted_job_is_requeued_and_resumes(
    slurm: Path, reference: pd.DataFrame, tmp_path: Path, cpus: int
) -> None:
    process = study(tmp_path, *SLURM, f"launcher.cpus={cpus}", f"launcher.runs={cpus}")
    reached = trained(process, tmp_path, 1)
    for job in queued("running"):  # scancel signals again where it was answered late, and then finds a requeued job
        subprocess.run(["scancel", "--signal=USR2", job], check=False)
    never_goes_back(process, tmp_path, reached)
    finished(process)
    assert_same(tmp_path, reference)
    logs = "".join(f.read_text() for f in tmp_path.glob("jobs/*/*.out"))
    assert "Requeued job" in logs


@pytest.mark.slurm
def test_jobs_outlive_their_driver_and_are_followed_by_the_next(
    slurm: Path, reference: pd.DataFrame, tmp_path: Path
) -> None:
    submitted = finished(study(tmp_path, *SLURM, "launcher.wait=false"))
    assert "4 jobs" in submitted
    first = set(queued())
    process = study(tmp_path, *SLURM)
    trained(process, tmp_path, 1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "4 jobs under way, the same command follows; `scancel" in told
    told = finished(study(tmp_path, *SLURM))
    assert "of an earlier command under way" in told
    assert_same(tmp_path, reference)
    assert {p.name for p in tmp_path.glob("jobs/[0-9]*_*")} == first, "a run was submitted twice"


@pytest.mark.slurm
def test_ctrl_c_cancels_the_jobs_where_it_is_told_to(slurm: Path, tmp_path: Path) -> None:
    process = study(tmp_path, *SLURM, "launcher.cancel=true")
    until(lambda: list(tmp_path.glob("jobs/*.json")))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "cancelled 4 jobs" in told
    until(lambda: not queued())


@pytest.fixture
def ray(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a two-node Ray cluster in a network namespace; a line to it kills the second node."""
    pytest.importorskip("ray")
    start = f"ip link set lo up && exec {sys.executable} -c '{RAY_CLUSTER}'"
    words = ["unshare", "--net", "bash", "-c", start]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate(timeout=120)


@pytest.mark.ray
def test_ray_finishes_a_study_after_a_node_was_killed(
    ray: subprocess.Popen[str], reference: pd.DataFrame, tmp_path: Path
) -> None:
    assert ray.stdout
    assert ray.stdin
    address = ray.stdout.readline().strip()
    inside = ["nsenter", f"--net=/proc/{ray.pid}/ns/net"]
    words = ["launcher=ray", f"launcher.address={address}", "launcher.runs=1"]
    process = study(tmp_path / "results", *words, within=inside)
    reached = trained(process, tmp_path / "results", 2)
    ray.stdin.write("kill the second node\n")
    ray.stdin.flush()
    never_goes_back(process, tmp_path / "results", reached)
    finished(process)
    assert_same(tmp_path / "results", reference)

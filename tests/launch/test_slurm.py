"""What a job of Slurm does when it is warned; whole clusters are in test_clusters.py."""

import os
import pickle
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.launch.base import LaunchError, State
from bench.launch.slurm import Resumed, Slurm, _make_private


def test_a_requeue_that_fails_is_no_fault_of_the_run(capsys):
    def requeue(number: int, frame: Any) -> None:  # as submitit's: Slurm ends scontrol with the job that it requeues
        raise subprocess.CalledProcessError(-signal.SIGTERM, ["scontrol", "requeue", "7_1"])

    faults = []

    def job(word: str) -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
        except Exception as fault:  # as training records what goes wrong with a run
            faults.append((word, fault))

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        with pytest.raises(SystemExit) as ended:
            Resumed(job, ("some",), signal.SIGUSR2)()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert ended.value.code == 1
    assert faults == []
    assert "'scontrol', 'requeue', '7_1'" in capsys.readouterr().err


def test_the_jobs_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    _make_private(tmp_path / "results" / "jobs")
    assert (tmp_path / "results" / "jobs").stat().st_mode & 0o777 == 0o700
    _make_private(tmp_path / "results" / "jobs")


def test_a_jobs_folder_that_others_can_write_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o770)
    with pytest.raises(LaunchError, match=f"others can write in {tmp_path}.*chmod go-w {tmp_path}"):
        _make_private(tmp_path)
    tmp_path.chmod(0o755)
    _make_private(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(LaunchError, match=r"another user's.*launcher\.folder=FOLDER"):
        _make_private(tmp_path)


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """A launcher without a cluster that follows the jobs 9_0 and 9_1; its commands are those of a folder."""
    launcher = object.__new__(Slurm)
    utils = SimpleNamespace(
        JobPaths=lambda folder, job: SimpleNamespace(
            folder=folder / job, result_pickle=folder / job / "result.pkl", stdout=folder / job / "log.out"
        ),
        pickle_load=lambda path: pickle.loads(path.read_bytes()),
    )
    launcher.submitit = SimpleNamespace(core=SimpleNamespace(utils=utils))  # type: ignore[assignment]
    launcher.settings, launcher.folder = {"poll_seconds": 0, "cancel": True}, tmp_path / "jobs"
    launcher.states = {"9_0": State("running"), "9_1": State("running")}
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return launcher


def command(launcher: Slurm, name: str, script: str) -> None:
    file = launcher.folder.parent / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_what_squeue_prints_beside_jobs_is_passed_over(following: Slurm) -> None:
    command(following, "squeue", "echo Welcome; echo '9_0|PENDING|a|b'; echo; echo ' 9_1|RUNNING|None '")
    assert following.poll() == {"9_0": State("queued", "a|b"), "9_1": State("running")}


@pytest.mark.parametrize("script", ["echo slurm_load_jobs: no contact", "echo no contact >&2; exit 1", None])
def test_jobs_whose_queue_cannot_be_read_stay_as_they_were(following: Slurm, script: str | None, capsys: Any) -> None:
    if script is not None:
        command(following, "squeue", script)
    assert following.poll() == {"9_0": State("running"), "9_1": State("running")}
    assert "squeue does not answer: " in capsys.readouterr().err


@pytest.mark.parametrize("result", [b"", b"garbage", pickle.dumps(("success", None))[:-3], pickle.dumps(3)])
def test_a_damaged_result_is_named_and_other_jobs_are_followed(following: Slurm, result: bytes) -> None:
    command(following, "squeue", "true")
    for job, content in (("9_0", result), ("9_1", pickle.dumps(("success", None)))):
        (following.folder / job).mkdir(parents=True)
        (following.folder / job / "result.pkl").write_bytes(content)
    states = following.poll()
    assert states["9_1"] == State("done")
    assert states["9_0"].word == "failed"
    assert f"cannot read {following.folder / '9_0' / 'result.pkl'}: " in states["9_0"].why


def test_a_job_whose_folder_is_gone_has_failed(following: Slurm) -> None:
    command(following, "squeue", "echo '9_1|RUNNING|None'")
    assert [state.word for state in following.poll().values()] == ["failed", "running"]


def test_jobs_that_cannot_be_cancelled_are_not_told_to_be(following: Slurm) -> None:
    assert following.interrupt().startswith("cannot cancel 2 jobs: ")
    command(following, "scancel", "echo Invalid user >&2; exit 1")
    assert following.interrupt() == "cannot cancel 2 jobs: Invalid user; they go on"
    command(following, "scancel", "true")
    assert following.interrupt() == "cancelled 2 jobs"

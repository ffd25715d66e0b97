"""What a job of Slurm does when it is warned; whole clusters are in test_clusters.py."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.launch.base import LaunchError
from bench.launch.slurm import Resumed, _make_private


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

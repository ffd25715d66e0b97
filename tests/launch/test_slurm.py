"""What a job of Slurm does when it is warned; whole clusters are in test_clusters.py."""

import os
import signal
import subprocess
from typing import Any

import pytest

from bench.launch.slurm import Resumed


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

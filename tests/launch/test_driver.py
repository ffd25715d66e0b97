"""What a command remembers of the jobs that outlive it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.launch import driver
from bench.launch.base import State
from bench.launch.driver import Work, _forget, _going_on, distribute
from bench.store.files import read_json, write_json
from bench.store.folders import Store
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule


@pytest.mark.parametrize("alive", [["7_2"], ["7_0", "7_1", "7_2"], []])
def test_a_record_goes_with_the_last_of_its_jobs_however_many_ended_unfollowed(
    tmp_path: Path, alive: list[str]
) -> None:
    def adopt(ids: Sequence[str]) -> list[str]:
        assert ids == ["7_0", "7_1", "7_2"]
        return alive

    store = Store(tmp_path, writable=True)
    jobs = {"7_0": ["a"], "7_1": ["b"], "7_2": ["c"]}
    write_json(store.jobs / "7_0.json", {"launcher": "slurm", "jobs": jobs})
    launcher = SimpleNamespace(name="slurm", outlives=True, adopt=adopt)
    found = _going_on(launcher, store.jobs)  # type: ignore[arg-type]
    assert found == {i: jobs[i] for i in alive}
    assert bool(list(store.jobs.glob("*.json"))) == bool(alive)
    _forget(found, store.jobs)
    assert not list(store.jobs.glob("*.json"))


@pytest.mark.parametrize(
    "content", ["garbage", "[]", '{"launcher": "slurm"}', '{"launcher": "slurm", "jobs": {"7": "a"}}']
)
def test_a_record_of_jobs_that_cannot_be_read_is_named_and_left(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path, writable=True)
    write_json(store.jobs / "8.json", {"launcher": "slurm", "jobs": {"8": ["a"]}})
    damaged = store.jobs / "7.json"
    damaged.write_text(content)
    launcher = SimpleNamespace(name="slurm", outlives=True, adopt=list)
    assert _going_on(launcher, store.jobs) == {"8": ["a"]}  # type: ignore[arg-type]
    _forget({"8": ["a"]}, store.jobs)
    assert list(store.jobs.glob("*.json")) == [damaged]
    assert capsys.readouterr().err.count(f"cannot read {damaged}: ") == 1


SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
RUN = Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, 0, "dsprites", 1, SCHEDULE)
PROTOCOL = Protocol("tiny", None, None, None, None, ("mean",), (), {})
THEIRS = GivenCodes("theirs", 0, "dsprites", 1, "0" * 64, "a.npz")


def work(store: Store, missing: Sequence[Run], **launcher: object) -> Work:
    plan = Plan("tiny", "Tiny", (RUN,), ("mig",), PROTOCOL, codes=(THEIRS,))
    settings = {"launcher": {"gpus": 0, "cpus": 1} | launcher, "device": "auto"}
    return Work("run", plan, settings, store, lambda: missing, lambda *task: None)


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_what_jobs_of_an_earlier_command_leave_is_done_by_jobs_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The earlier jobs trained, this command also scores; a job that did its part has no error."""
    store, missing = Store(tmp_path, writable=True), [RUN]
    write_json(store.jobs / "7_0.json", {"launcher": "slurm", "jobs": {"7_0": [RUN.id]}})
    states = {"7_0": State(outcome, "it ran out of memory")}
    waiting = 2 * [{"7_0": State("queued", "Priority")}]

    def submit(function: object, tasks: Sequence[object]) -> list[str]:
        assert not waiting  # the run is left to the earlier job until that ends
        assert len(tasks) == 1
        states["8_0"] = State("done")
        missing.clear()
        return ["8_0"]

    def poll() -> dict[str, State]:
        return waiting.pop() if waiting else states

    engine = SimpleNamespace(name="slurm", outlives=True, adopt=list, poll=poll, submit=submit)
    monkeypatch.setattr(driver, "start", lambda settings, folder: engine)
    assert distribute(work(store, missing)) == {}
    assert "8_0" in states
    assert not list(store.jobs.glob("*.json"))
    told = capsys.readouterr().err
    assert ("slurm: job 7_0 FAILED: it ran out of memory" in told) == (outcome == "failed")
    assert told.count("slurm: jobs: 1 queued (Priority); models to do: 1") == 1
    assert "slurm: jobs: 1 done; models to do: 0" in told


def test_jobs_that_are_left_to_run_are_followed_by_the_next_command_and_no_run_is_submitted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, submitted = Store(tmp_path, writable=True), list[Any]()

    def submit(function: object, tasks: Sequence[object]) -> list[str]:
        submitted.extend(tasks)
        return ["8_0"]

    def poll() -> dict[str, State]:
        raise KeyboardInterrupt

    engine = SimpleNamespace(
        name="slurm", outlives=True, adopt=list, poll=poll, submit=submit, interrupt=lambda: "they go on"
    )
    monkeypatch.setattr(driver, "start", lambda settings, folder: engine)
    write_json(store.jobs / "9.json", {"launcher": "ray", "jobs": {"9": [RUN.id]}})  # another engine's
    for _ in range(2):
        assert distribute(work(store, [RUN], wait=False)) is None
        assert read_json(store.jobs / "8_0.json") == {"launcher": "slurm", "jobs": {"8_0": [RUN.id]}}
    with pytest.raises(KeyboardInterrupt):
        distribute(work(store, [RUN]))
    ((stage, part, path, settings),) = submitted
    assert (stage, part.runs, part.codes, path, settings["device"]) == ("run", (RUN,), (), store.path, "cpu")
    told = capsys.readouterr().err
    assert "slurm: 1 job under way: the same command with launcher.wait=true follows" in told
    assert told.count("slurm: 1 job of an earlier command under way: 8_0\n") == 2
    assert told.endswith("slurm: they go on\n")
    assert sorted(file.name for file in store.jobs.glob("*.json")) == ["8_0.json", "9.json"]

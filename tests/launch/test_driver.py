"""What a command remembers of the jobs that outlive it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.launch import driver
from bench.launch.base import State
from bench.launch.driver import Work, _forget, _going_on, distribute
from bench.store.files import write_json
from bench.store.folders import Store
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


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_what_jobs_of_an_earlier_command_leave_is_done_by_jobs_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """The earlier jobs trained, this command also scores; a job that did its part has no error."""
    schedule = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
    run = Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, 0, "dsprites", 1, schedule)
    plan = Plan("tiny", "Tiny", (run,), ("mig",), Protocol("tiny", None, None, None, None, ("mean",), (), {}))
    store, missing = Store(tmp_path, writable=True), [run]
    write_json(store.jobs / "7_0.json", {"launcher": "slurm", "jobs": {"7_0": [run.id]}})
    states = {"7_0": State(outcome, "it ran out of memory")}

    def submit(function: object, tasks: Sequence[object]) -> list[str]:
        assert len(tasks) == 1
        states["8_0"] = State("done")
        missing.clear()
        return ["8_0"]

    engine = SimpleNamespace(name="slurm", outlives=True, adopt=list, poll=lambda: states, submit=submit)
    monkeypatch.setattr(driver, "start", lambda settings, folder: engine)
    settings = {"launcher": {"gpus": 0, "cpus": 1}, "device": "cpu"}
    assert distribute(Work("run", plan, settings, store, lambda: missing, lambda *task: None)) == {}
    assert "8_0" in states
    assert not list(store.jobs.glob("*.json"))

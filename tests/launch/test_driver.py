"""What a command remembers of the jobs that outlive it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.launch.driver import _forget, _going_on
from bench.store.files import write_json
from bench.store.folders import Store


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

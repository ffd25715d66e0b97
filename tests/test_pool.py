"""Tasks run on workers; one that raises raises, one whose worker is killed costs itself alone."""

import multiprocessing
import os
import signal
import threading
from itertools import count
from pathlib import Path

import pytest

from bench.pool import Ending, Here, Pool, _work, limit, report, tell
from bench.values import ConfigError


def double(number: int) -> int:
    report(1, f"at {number}")
    return 2 * number


def die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def tell_for_ever(mark: str) -> None:
    try:
        while True:
            report(1, "still here")
    except Exception as fault:  # as training does, which would record it as the run's own
        with open(mark, "w", encoding="utf-8") as file:
            file.write(repr(fault))


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


@pytest.mark.parametrize("processes", [-1, 0, 1.5, "abc", True])
def test_what_is_no_number_of_processes_is_refused(processes: object) -> None:
    with pytest.raises(ConfigError, match="processes must be a whole number from 1"):
        Pool(processes)  # type: ignore[arg-type]


def hang(number: int) -> int:
    tell(f"begun {number}")
    limit(0.2 if number == 1 else None)
    while number == 1:
        pass
    return number


class Unsendable(Exception):
    """Takes more to be made than its message."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail_unsendably(number: int) -> int:
    raise Unsendable("no", str(number))


def leave_a_thread(number: int) -> int:
    threading.Thread(target=threading.Event().wait).start()
    return number


def test_every_task_gives_its_result_and_its_reports() -> None:
    told: list[tuple[float, str]] = []
    with Pool(2) as pool:
        found = dict(pool.run(double, [(i,) for i in range(5)], lambda *news: told.append(news)))
    assert found == {i: 2 * i for i in range(5)}
    assert sorted(told) == [(1, f"at {i}") for i in range(5)]


def test_a_killed_worker_costs_its_own_task_and_another_takes_its_place() -> None:
    with Pool(2) as pool:
        found = dict(pool.run(die, [(i,) for i in range(5)], lambda *_: None, killed="killed"))
        assert found == {0: 0, 1: "killed", 2: 2, 3: 3, 4: 4}
        assert dict(pool.run(double, [(7,)], lambda *_: None)) == {0: 14}


def test_a_killed_worker_is_an_error_where_nothing_stands_for_its_result() -> None:
    with pytest.raises(ChildProcessError, match="was killed"), Pool(2) as pool:
        dict(pool.run(die, [(1,)]))


class Carried:
    """Counts how often it is sent."""

    def __init__(self) -> None:
        self.sent = 0

    def __getstate__(self) -> dict[str, int]:
        self.sent += 1
        return self.__dict__

    def __call__(self, number: int) -> int:
        return number


def test_a_function_is_sent_once_to_each_worker() -> None:
    carried = Carried()
    with Pool(2) as pool:
        assert dict(pool.run(carried, [(i,) for i in range(7)])) == {i: i for i in range(7)}
        assert carried.sent == 2
        assert dict(pool.run(double, [(1,)])) == {0: 2}
        assert dict(pool.run(carried, [(9,)])) == {0: 9}


def test_a_worker_that_is_killed_while_idle_costs_nothing() -> None:
    with Pool(1) as pool:
        assert dict(pool.run(double, [(1,)], lambda *_: None)) == {0: 2}
        (idle,) = pool.idle
        idle.process.kill()
        idle.process.join()
        assert dict(pool.run(double, [(2,)], lambda *_: None, killed="killed")) == {0: 4}


def test_a_task_is_ended_at_its_limit_and_tasks_may_be_added_meanwhile() -> None:
    tasks, seen = [(0,), (1,)], []
    with Pool(1) as pool:
        for position, kind, value in pool.follow(hang, tasks):
            seen.append((position, kind, value))
            if kind == "ended":
                tasks.append((2,))
    assert seen == [
        (0, "told", "begun 0"), (0, "result", 0), (1, "told", "begun 1"), (1, "ended", Ending(-signal.SIGKILL, 0.2)),
        (2, "told", "begun 2"), (2, "result", 2),
    ]  # fmt: skip


def test_how_a_process_ended_is_told() -> None:
    with Pool(1) as pool:
        ends = [v for _, kind, v in pool.follow(os._exit, [(3,)]) if kind == "ended"]
        ends += [v for _, kind, v in pool.follow(die, [(1,)]) if kind == "ended"]
    assert ends == [Ending(3), Ending(-signal.SIGKILL)]


@pytest.mark.parametrize(
    ("ending", "words", "asked"),
    [
        (Ending(3), "its process ended itself with exit code 3", False),
        (Ending(-9), "its process was ended by SIGKILL, for a lack of memory perhaps", False),
        (Ending(-11), "its process was ended by SIGSEGV", False),
        (Ending(-15), "its process was ended by SIGTERM", True),
        (Ending(-signal.SIGUSR2), "its process was ended by SIGUSR2", True),
        (Ending(-9, 900), "it took longer than 900 s", False),
    ],
)
def test_how_a_process_ended_is_put_in_words(ending: Ending, words: str, asked: bool) -> None:
    assert (str(ending), ending.requested) == (words, asked)


def test_an_exception_that_cannot_be_sent_is_sent_in_words() -> None:
    with pytest.raises(RuntimeError, match="Unsendable: no 3"), Pool(1) as pool:
        dict(pool.run(fail_unsendably, [(3,)]))


def test_a_thread_that_a_task_leaves_behind_does_not_keep_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.pool.GRACE_S", 0.1)
    with Pool(1) as pool:
        assert dict(pool.run(leave_a_thread, [(3,)])) == {0: 3}
        (idle,) = pool.idle
    assert not idle.process.is_alive()


def test_here_runs_in_this_process_and_follows_in_another() -> None:
    with Here() as pool:
        assert dict(pool.run(getpid, [()])) == {0: os.getpid()}
        assert [value for *_, value in pool.follow(getpid, [()])] != [os.getpid()]


def getpid() -> int:
    return os.getpid()


def test_what_a_task_raises_is_raised_and_ends_the_workers() -> None:
    pool = Pool(1)
    with pytest.raises(ValueError, match="no 3"), pool:
        dict(pool.run(fail, [(3,)], lambda *_: None))
    assert not any(worker.process.is_alive() for worker in pool.idle)


def test_results_come_as_they_are_ready() -> None:
    order = count()
    with Pool(1) as pool:
        first = [(next(order), result) for _, result in pool.run(double, [(1,), (2,)], lambda *_: None)]
    assert first == [(0, 2), (1, 4)]


def test_a_worker_whose_parent_is_gone_ends_at_once_and_blames_no_run(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(theirs,))
    worker.start()
    theirs.close()
    ours.send((tell_for_ever, (str(tmp_path / "fault"),)))
    assert ours.recv() == ("report", (1, "still here"))
    ours.close()
    worker.join(30)
    assert worker.exitcode == 1
    assert not (tmp_path / "fault").exists()

"""What is said of long work: how much is done, and how long the rest takes by what was done since the first of it."""

import pytest

from bench import progress
from bench.progress import Meter


def test_what_came_before_the_first_work_does_not_count_in_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[-1])
    with Meter("score", 100, "scores") as meter:
        for now in (40.0, 41.0, 42.0, 60.0):  # libraries and data are loaded for 40 seconds
            clock.append(now)
            meter.advance(1, "mig")
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "score: 100 scores"
    assert lines[0] == "score: 1/100 scores, mig"
    assert lines[1] == "score: 4/100 scores, about 640 s left, mig"  # three in 20 seconds

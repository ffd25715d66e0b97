"""What did not change is not drawn again; what is damaged, missing or no longer asked for is put right."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.scores.agreement import TooFewRunsError
from bench.pool import Here
from bench.report import drawings
from bench.report.drawings import RECORD, Drawing, Outcome, code, draw_changed, rows_digest, tell


def draw(folder: Path, name: str, text: str) -> list[Path]:
    """Two files; "few" and "fault" as text are what goes wrong."""
    if text == "few":
        raise TooFewRunsError("too few runs")
    if text == "fault":
        raise ZeroDivisionError("no points")
    files = [folder / "figures" / f"{name}{suffix}" for suffix in (".png", ".csv")]
    files[0].parent.mkdir(exist_ok=True, parents=True)
    for file in files:
        file.write_text(text)
    return files


def states(folder: Path, kind: str = "figures", **texts: str) -> dict[str, str]:
    """What becomes of drawings that show a text each."""
    asked = [Drawing(name, text, (name, text)) for name, text in texts.items()]
    return {o.name: o.state for o in draw_changed(kind, asked, partial(draw, folder), folder, Here())}


def names(folder: Path) -> set[str]:
    return {file.name for file in (folder / "figures").iterdir()}


def test_a_drawing_is_made_again_only_where_its_key_changed(tmp_path: Path) -> None:
    assert states(tmp_path, a="1", b="1") == {"a": "drawn", "b": "drawn"}
    assert states(tmp_path, a="1", b="2") == {"a": "unchanged", "b": "drawn"}
    assert (tmp_path / "figures" / "b.png").read_text() == "2"
    before = (tmp_path / RECORD).stat().st_mtime_ns
    assert states(tmp_path, a="1", b="2") == {"a": "unchanged", "b": "unchanged"}
    assert (tmp_path / RECORD).stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["delete", "edit"])
def test_a_file_that_is_not_as_it_was_drawn_is_drawn_again(tmp_path: Path, damage: str) -> None:
    states(tmp_path, a="1", b="1")
    file = tmp_path / "figures" / "a.csv"
    file.unlink() if damage == "delete" else file.write_text("x")
    assert states(tmp_path, a="1", b="1") == {"a": "drawn", "b": "unchanged"}
    assert file.read_text() == "1"


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "3", "[" * 9999, '{"figures": 3}',
               '{"figures": {"a": 1}}', '{"figures": {"a": {"key": "1"}}}',
               '{"figures": {"a": {"key": "1", "files": 3, "why": ""}}}'],
)  # fmt: skip
def test_without_a_record_that_can_be_read_everything_is_drawn(tmp_path: Path, record: str) -> None:
    states(tmp_path, a="1")
    (tmp_path / RECORD).write_text(record)
    assert states(tmp_path, a="1") == {"a": "drawn"}
    assert states(tmp_path, a="1") == {"a": "unchanged"}


def test_files_of_what_is_no_longer_asked_for_go_and_no_others(tmp_path: Path) -> None:
    states(tmp_path, a="1", b="1")
    states(tmp_path, "reproduction", c="1")
    (tmp_path / "figures" / "mine.png").write_text("by hand")
    assert states(tmp_path, a="1") == {"a": "unchanged"}
    assert names(tmp_path) == {"a.png", "a.csv", "c.png", "c.csv", "mine.png"}
    assert states(tmp_path, "reproduction", c="1") == {"c": "unchanged"}


@pytest.mark.parametrize("name", ["../outside.png", "{folder}/outside.png"])
def test_a_record_cannot_have_a_file_outside_the_study_taken_away(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside.png", tmp_path / "study"
    outside.write_text("")
    entry = {"key": "1", "files": {name.format(folder=tmp_path): ""}, "why": ""}
    folder.mkdir()
    (folder / RECORD).write_text(json.dumps({"figures": {"gone": entry}}))
    assert states(folder, a="1") == {"a": "drawn"}
    assert outside.exists()


def test_too_few_runs_are_a_reason_that_is_kept_and_leave_no_stale_files(tmp_path: Path) -> None:
    states(tmp_path, a="1", b="1")
    asked = [Drawing("a", "few", ("a", "few"))]
    for _ in range(2):
        (outcome,) = draw_changed("figures", asked, partial(draw, tmp_path), tmp_path, Here())
        assert str(outcome) == "a: not drawn: too few runs"
        assert names(tmp_path) == set()


def test_a_fault_is_named_ends_no_other_drawing_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states(tmp_path, a="1", b="1")
    asked: Sequence[Drawing] = [Drawing(n, t, (n, t)) for n, t in (("a", "fault"), ("b", "2"), ("c", "1"))]
    for after in ("2 drawn, 1 failed", "2 unchanged, 1 failed"):
        failed = tell("figures", draw_changed("figures", asked, partial(draw, tmp_path), tmp_path, Here()))
        assert list(failed) == ["a"]
        assert failed["a"].startswith("ZeroDivisionError: no points (test_drawings.py, line ")
        told = capsys.readouterr().err
        assert "a: FAILED: ZeroDivisionError: no points" in told
        assert f"figures: {after}" in told
        assert names(tmp_path) == {"b.png", "b.csv", "c.png", "c.csv"}


def test_what_is_not_drawn_is_told_by_its_reason_or_by_the_page_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome(name, "not drawn", why=why) for name, why in (("a", "few"), ("b", "none"), ("c", "few"))]
    tell("figures", outcomes)
    assert capsys.readouterr().err.splitlines() == [
        "  a, c: not drawn: few", "  b: not drawn: none", "  figures: 3 not drawn",
    ]  # fmt: skip
    tell("figures", outcomes, "page.md")
    assert capsys.readouterr().err.splitlines()[0] == "  a, b, c: not drawn: page.md says why"


def test_pictures_that_cannot_be_made_now_stay(tmp_path: Path) -> None:
    states(tmp_path, a="1", b="1")
    assert list(draw_changed("figures", [], partial(draw, tmp_path), tmp_path, Here(), kept=["a"])) == []
    assert names(tmp_path) == {"a.png", "a.csv"}
    assert states(tmp_path, a="1") == {"a": "unchanged"}


def test_an_interrupted_command_keeps_what_it_drew(tmp_path: Path) -> None:
    states(tmp_path, a="1", b="1")
    asked = [Drawing(n, "2", (n, "2")) for n in ("a", "b")]
    outcomes = draw_changed("figures", asked, partial(draw, tmp_path), tmp_path, Here())
    assert next(outcomes).name == "a"
    outcomes.close()  # type: ignore[attr-defined]
    assert states(tmp_path, a="2", b="2") == {"a": "unchanged", "b": "drawn"}


def test_two_commands_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    def begin(kind: str, name: str) -> Iterator[Outcome]:
        return draw_changed(kind, [Drawing(name, "1", (name, "1"))], partial(draw, tmp_path), tmp_path, Here())

    first, second = begin("figures", "a"), begin("models", "b")
    assert [next(first).state, next(second).state] == ["drawn", "drawn"]
    assert [*second, *first] == []
    assert states(tmp_path, a="1") == {"a": "unchanged"}
    assert states(tmp_path, "models", b="1") == {"b": "unchanged"}


def test_a_digest_of_rows_knows_every_value_and_the_order(tmp_path: Path) -> None:
    table = pd.DataFrame({"model": pd.Categorical(["a", "b", None]), "score": [0.1, 0.2, float("nan")]})
    known = {rows_digest(t) for t in (table, table[::-1], table[:2], table.rename(columns={"score": "value"}),
                                      table.assign(score=[0.1, 0.2 + 1e-16, 0.3]))}  # fmt: skip
    assert len(known) == 5
    wider = table.assign(model=table["model"].cat.add_categories("c"))
    assert rows_digest(wider) == rows_digest(table.copy())


def test_changed_source_code_changes_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "new.py").write_text("x = 1")
    monkeypatch.setattr(drawings, "PACKAGE", tmp_path)
    before = code.__wrapped__("report")
    assert before == code.__wrapped__("report")
    (tmp_path / "report" / "new.py").write_text("x = 2")
    assert before != code.__wrapped__("report")

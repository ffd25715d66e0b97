"""A submission is checked by a stranger; what is not as it says is told in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from submissions.codes import CODES, FACTORS, perform, rewritten, saved, verified

from bench.store.files import StoreError, digest, sha256_of
from bench.store.folders import Store
from bench.table.submission import LARGEST_CODES, read_submission, write_half
from bench.table.verification import check
from bench.values import ConfigError

pytestmark = [
    pytest.mark.usefixtures("without_workers", "without_the_shipped_table"),
    pytest.mark.long,  # left out of `make check`
]


def test_codes_are_handed_on_in_half_precision_and_their_scores_come_out_equal(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(made / "codes.npz") as arrays:
        assert (arrays["codes"].dtype, arrays["factors"].dtype) == (np.float16, np.uint8)
    code, told = verified(made, capsys)
    assert code == 0
    count = len(read_submission(made).table)
    assert f"right: {count} scores of 1 run computed again: {count} equal\n" in told
    assert "not checked: whether the codes are of the images that their factors say" in told
    assert told.endswith("verify: mine: nothing is wrong, as far as it could be checked\n")


def test_codes_that_stay_at_home_are_checked_by_who_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = saved(tmp_path), tmp_path / "submission"
    assert perform("submit", tmp_path / "results", codes=str(file), name="mine", folder=str(folder)) == 0
    assert not (folder / "codes.npz").exists()
    code, told = verified(folder, capsys)
    assert code == 0
    assert "not checked: the scores of 1 of 1 codes: they are neither in the folder nor in" in told
    code, told = verified(folder, capsys, codes=str(file))
    assert (code, "mine.npz is the file that was scored, by its sha256" in told) == (0, True)
    assert "computed again" in told
    np.savez(tmp_path / "other.npz", codes=CODES + 1, factors=FACTORS)
    code, told = verified(folder, capsys, codes=str(tmp_path / "other.npz"))
    assert code == 1
    assert f"and what was scored had {sha256_of(file)[:12]}..." in told


def test_codes_of_few_images_are_refused_since_chance_gives_them_high_scores(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(copied, lambda table, *_: table.assign(num_train=12))
    code, told = verified(copied, capsys)
    assert (
        code,
        "has codes of 12 images where scoring=quick reads 5,000: a row of the board rests on all" in told,
    ) == (1, True)


def test_a_score_that_does_not_come_out_again_is_named_with_both_values(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def better(table: Any, *_: Any) -> Any:
        of_all = (table["name"] == "mig") & table["factor"].isna()
        return table.assign(score=table["score"].mask(of_all, 0.9))

    rewritten(copied, better)
    code, told = verified(copied, capsys)
    assert code == 1
    assert "WRONG: mig of run " in told
    assert " is 0.9 in the folder, and 0." in told
    assert told.endswith("verify: mine: 1 thing is wrong\n")


def test_a_score_that_was_left_out_is_named(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(copied, lambda table, *_: table[table["name"] != "gaussian_total_correlation"])
    code, told = verified(copied, capsys)
    assert (code, "WRONG: gaussian_total_correlation of run " in told) == (1, True)
    assert "is not in the folder; computed again it is" in told


def test_codes_other_than_those_that_were_scored_are_refused_by_their_checksum(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_half(copied / "codes.npz", CODES[::-1], FACTORS, None)
    code, told = verified(copied, capsys)
    assert code == 1
    assert "codes.npz has the sha256 " in told
    record = json.loads((copied / "submission.json").read_text())
    record["codes"]["sha256"] = sha256_of(copied / "codes.npz")
    (copied / "submission.json").write_text(json.dumps(record))
    code, told = verified(copied, capsys)
    assert code == 1
    assert "WRONG: submission.json gives the codes the sha256" in told


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("model", "<b>mine</b>", "model '<b>mine</b>' is not a name"),
        ("score", 7.0, "its range is 0 to 1"),
        ("seed", 3, "has another seed in the table than in what its id is the hash of"),
        ("dataset", "mnist", "has another data set in the table"),
    ],
)
def test_rows_that_no_table_may_have_are_wrong(
    column: str, value: Any, message: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(table: Any, *_: Any) -> Any:
        kind = {"score": "float64", "seed": "int64"}.get(column, "category")
        rows = table["metric"] == "mig" if column == "score" else slice(None)
        plain = table.astype({column: object if kind == "category" else kind})
        plain.loc[rows, column] = value
        return plain.astype({column: kind})

    rewritten(copied, changed)
    try:
        code, told = verified(copied, capsys)
    except StoreError as fault:  # what cannot be read is told by itself
        code, told = 1, str(fault)
    assert code == 1
    assert message in told
    assert "Traceback" not in told


def test_a_metric_version_that_is_not_known_is_wrong(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def later(table: Any, identities: dict[str, Any], _: Any) -> Any:
        of_mig = table["metric"] == "mig"
        for cell in table.loc[of_mig, "cell"].unique():
            identities.pop(str(cell), None)
        return table.assign(version=table["version"].mask(of_mig, 99))

    rewritten(copied, later)
    code, told = verified(copied, capsys)
    assert code == 1
    assert "WRONG: mig version 99 is not known here, where it has version 1: update, or score again" in told


def test_a_card_that_does_not_fit_its_rows_is_told_by_what_differs(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = copied / "card.yaml"
    card.write_text(card.read_text().replace("- mig (version 1)", "- mig (version 2)"))
    code, told = verified(copied, capsys)
    assert code == 1
    assert "card.yaml says metrics: ['mig (version 2)'], the table has ['mig (version 1)']" in told


def test_a_protocol_that_is_changed_or_of_another_name_is_wrong(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((copied / "submission.json").read_text())
    (copied / "submission.json").write_text(json.dumps(record | {"protocol": "published"}))
    code, told = verified(copied, capsys)
    assert code == 1
    assert "card.yaml and submission.json do not name one and the same protocol" in told
    assert "was not scored by the protocol published: its sizes or options differ" in told
    (copied / "submission.json").write_text(json.dumps(record | {"protocol": "mine"}))
    assert "its protocol mine is none of the board, which has published and quick" in verified(copied, capsys)[1]


def test_a_name_that_another_row_has_is_wrong(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((copied / "submission.json").read_text())
    (copied / "submission.json").write_text(json.dumps(record | {"name": "beta_vae"}))
    code, told = verified(copied, capsys)
    assert code == 1
    assert "WRONG: its name beta_vae is that of a model of the suite: choose another" in told
    assert "WRONG: its row is called mine and it is called beta_vae" in told


def test_a_name_of_an_accepted_submission_is_wrong_but_for_that_submission(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = copied.parent / "nowhere" / "submissions" / "mine"
    accepted.parent.mkdir(parents=True)
    accepted.mkdir()
    for file in copied.iterdir():
        (accepted / file.name).write_bytes(file.read_bytes())
    code, told = verified(copied, capsys)
    assert (code, "its name mine is that of the submission" in told) == (1, True)
    assert check(read_submission(accepted), Store(accepted.parents[1])).wrong == []


def test_a_data_set_that_is_none_of_the_suite_is_wrong(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(copied, lambda table, *_: table.assign(dataset="unheard").astype({"dataset": "category"}))
    code, told = verified(copied, capsys)
    assert (code, "its data set unheard is none of the suite" in told) == (1, True)


def test_huge_codes_are_refused_by_their_size_before_they_are_read(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (copied / "codes.npz").open("r+b") as file:
        file.truncate(50_000_000_000)  # without a byte written
    monkeypatch.setattr("bench.table.submission.read_record", lambda *_: pytest.fail("a file was read"))
    with pytest.raises(StoreError, match=f"codes.npz has 50,000,000,000 bytes, more than {LARGEST_CODES:,}"):
        read_submission(copied)


def test_a_folder_that_is_no_submission_is_told_in_a_line(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nothing is no submission: No such file or directory"):
        read_submission(tmp_path / "nothing")
    with pytest.raises(StoreError, match=r"it has no submission.json: `python -m bench submit` makes one"):
        read_submission(tmp_path)
    with pytest.raises(ConfigError, match="verify takes the folder of a submission"):
        perform("verify", tmp_path)
    (copied / "page.html").write_text("<script>")
    with pytest.raises(StoreError, match=r"holds page.html, which is no part of a submission: take it out"):
        read_submission(copied)
    (copied / "page.html").unlink()
    (copied / "studies.json").unlink()
    (copied / "studies.json").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match=r"studies.json: it is no regular file"):
        read_submission(copied)


def test_a_record_that_is_damaged_or_of_a_later_version_is_told_in_a_line(copied: Path) -> None:
    file = copied / "submission.json"
    record = json.loads(file.read_text())
    for changed, message in (
        ({"paper": "<a href=x>"}, "paper is '<a href=x>', not one printable line without markup"),
        ({"name": "../x"}, "name is '../x', not a name of letters"),
        ({"format": 9}, "is of format 9, this version reads up to 1: update"),
    ):
        file.write_text(json.dumps(record | changed))
        with pytest.raises(StoreError, match=message):
            read_submission(copied)
    file.write_text("{")
    with pytest.raises(StoreError, match=r"cannot read .*submission.json"):
        read_submission(copied)


def test_nothing_is_unpickled(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(copied / "codes.npz", codes=np.array([[print]], dtype=object), factors=FACTORS)

    def of_file(table: Any, identities: dict[str, Any], studies: dict[str, Any]) -> Any:
        (run,) = table["run"].unique()
        content = identities.pop(run) | {"codes": sha256_of(copied / "codes.npz")}
        identities[digest(content)] = content
        studies |= {"mine": [digest(content)]}
        return table.assign(run=digest(content)).astype({"run": "category"})

    rewritten(copied, of_file)
    record = json.loads((copied / "submission.json").read_text())
    record["codes"]["sha256"] = sha256_of(copied / "codes.npz")
    (copied / "submission.json").write_text(json.dumps(record))
    code, told = verified(copied, capsys)
    assert code == 1
    assert "codes holds pickled objects, which are never unpickled" in told

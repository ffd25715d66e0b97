"""Codes become a folder that a stranger can check; what cannot stand on the board is refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from submissions.codes import CODES, FACTORS, perform, saved, verified

from bench.store import files, shipped
from bench.store.files import StoreError, sha256_of
from bench.table.submission import read_submission, write_half
from bench.values import ConfigError

PUBLISHED = yaml.safe_load((shipped.conf_dir() / "scoring" / "published.yaml").read_text(encoding="utf-8"))
pytestmark = [
    pytest.mark.usefixtures("without_workers", "without_the_shipped_table"),
    pytest.mark.long,  # left out of `make check`
]


def test_a_submission_holds_what_a_stranger_needs(made: Path) -> None:
    submission = read_submission(made)
    assert {"mig", "gaussian_total_correlation"} <= set(submission.table["name"])
    assert set(submission.table["model"]) == {"mine"}
    assert submission.record["codes"]["sha256"] == sha256_of(made / "codes.npz")
    assert (submission.record["protocol"], submission.record["paper"]) == ("quick", "https://arxiv.org/abs/1811.12359")
    assert submission.record["command"] == "python -m bench submit codes=mine.npz name=mine 'metric=[mig,unsupervised]'"
    assert submission.card["parts"][0]["command"] == submission.record["command"]
    assert {"numpy", "python", "bench"} <= submission.record["versions"].keys()


def test_codes_may_have_a_setting_and_be_submitted_again_when_they_are_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "submission"
    for codes, about in ((CODES, {"contact": "a@b.org", "paper": "first"}), (CODES[:, :4], {"paper": "second"})):
        asked: dict[str, Any] = about | {
            "codes": str(saved(tmp_path, codes=codes)),
            "name": "mine",
            "with_codes": True,
            "folder": str(folder),
        }
        given = {"given": {"metric": "", "strength": "2.5"}, "strength": 2.5, "metric": ["mig"]}
        assert perform("submit", tmp_path / "results", **asked, **given) == 0
    submission = read_submission(folder)
    assert submission.table["value"].unique().tolist() == [2.5]
    assert (submission.record["contact"], submission.record["paper"]) == (
        "a@b.org",
        "second",
    )  # what is not given stays
    assert verified(folder, capsys)[0] == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "pca"}, "name=pca is that of a model of the suite: choose another"),
        ({"name": "<b>"}, "name='<b>': a name is 1 to 64 letters"),
        ({"name": None}, "codes=FILE needs a name to be listed under: name=NAME"),
        ({"dataset": "custom"}, "say of which these are with dataset=NAME"),
        ({"contact": "a\nb"}, "contact='a.nb': it must be one printable line"),
        ({"paper": "<i>"}, "paper='<i>': it must be one printable line of at most 300 letters"),
        ({"study": {"name": "quick", "title": None}}, "submit takes codes=FILE name=NAME dataset=NAME, or study=NAME"),
        ({"codes": None}, "submit takes codes=FILE name=NAME dataset=NAME, or study=NAME"),
        ({"with_codes": "yes"}, "with_codes must be true or false"),
        ({"scoring": PUBLISHED}, "mine.npz has codes of 5,000 images where scoring=published reads 10,000: a row"),
    ],
)
def test_what_cannot_stand_on_the_board_is_refused_before_anything_is_written(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    asked = {"codes": str(saved(tmp_path)), "name": "mine", "folder": str(tmp_path / "submission")}
    with pytest.raises(ConfigError, match=message):
        perform("submit", tmp_path / "results", **asked | changed)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.npz"]


def test_a_protocol_of_ones_own_is_refused(tmp_path: Path) -> None:
    protocol = yaml.safe_load((shipped.conf_dir() / "scoring" / "quick.yaml").read_text(encoding="utf-8"))
    for changed in ({"pool": 100}, {"name": "mine"}):
        with pytest.raises(
            ConfigError, match="by a protocol that ships, unchanged: scoring=published or scoring=quick"
        ):
            perform(
                "submit", tmp_path, codes=str(saved(tmp_path)), name="mine", scoring=protocol | changed,
                folder=str(tmp_path / "s"),
            )  # fmt: skip


def test_one_that_was_interrupted_is_no_submission_until_the_same_command_has_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(settings: Any) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / f".codes.npz.{files._machine()}-89abcdef").touch()  # its writer was killed
    asked = {"codes": str(saved(tmp_path)), "name": "mine", "with_codes": True, "folder": str(folder)}
    with monkeypatch.context() as patch:
        patch.setattr("bench.cli.submit.score_codes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            perform("submit", tmp_path / "results", **asked, paper="first")
    with pytest.raises(StoreError, match="make it again with `python -m bench submit`"):
        read_submission(folder)
    assert perform("submit", tmp_path / "results", **asked, paper="first") == 0
    assert set(read_submission(folder).table["model"]) == {"mine"}


def test_a_folder_that_holds_something_else_is_left_alone(made: Path, tmp_path: Path) -> None:
    file = str(saved(tmp_path))
    with pytest.raises(ConfigError, match=r"is there and holds no submission: give folder=DIR, one that is new"):
        perform("submit", tmp_path / "results", codes=file, name="mine", folder=str(tmp_path))
    with pytest.raises(ConfigError, match=r"holds the submission mine: give folder=DIR, one that is new"):
        perform("submit", tmp_path / "results", codes=file, name="other", folder=str(made))


def test_codes_that_half_precision_would_change_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="codes has numbers beyond 65,504"):
        write_half(tmp_path / "a.npz", CODES * 1e6, FACTORS, None)
    far = CODES + np.array([0, 0, 1000, 0, 0])
    with pytest.raises(ConfigError, match="cannot tell the values of dimension 2 of codes apart"):
        write_half(tmp_path / "a.npz", far, FACTORS, None)
    with monkeypatch.context() as patch:
        patch.setattr("bench.table.submission.LARGEST_CODES", 10)
        with pytest.raises(ConfigError, match=r"would hand on 75,000 bytes, more than 10"):
            write_half(tmp_path / "a.npz", CODES, FACTORS, None)
    assert not (tmp_path / "a.npz").exists()
    steps = 700 + np.arange(0, 60, 0.75)[:, None]  # half precision rounds by up to a quarter
    with pytest.raises(ConfigError, match=r"\(deviation 17.3, rounding moves them by 0.25\)"):
        write_half(tmp_path / "a.npz", steps, FACTORS[:80], None)
    write_half(tmp_path / "a.npz", np.vstack([steps, steps + 60]), FACTORS[:160], None)  # a hundredth of 34.6
    write_half(tmp_path / "a.npz", CODES, FACTORS, 0 * CODES - 700.3)  # variances may be of few values
    with np.load(tmp_path / "a.npz") as arrays:
        assert {name: str(array.dtype) for name, array in arrays.items()} == {
            "codes": "float16", "logvar": "float16", "factors": "uint8"
        }  # fmt: skip

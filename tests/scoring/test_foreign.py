"""Codes from elsewhere stand in the score table under a name of their own; a wrong file is told what is wrong."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import bench
from bench.__main__ import perform
from bench.cli import commands
from bench.scoring.foreign import read
from bench.store import shipped
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.values import ConfigError

pytestmark = [
    pytest.mark.usefixtures("without_workers", "without_the_shipped_table"),
    pytest.mark.long,  # left out of `make check`
]

RNG = np.random.default_rng(0)
SIZES = (3, 6, 40, 32, 32)  # of dSprites
FACTORS = np.stack([RNG.integers(n, size=900) for n in SIZES], axis=1)
CODES = FACTORS / np.array(SIZES) + 0.1 * RNG.normal(size=FACTORS.shape)


def save(folder: Path, name: str = "mine.npz", **arrays: Any) -> Path:
    path = folder / name
    np.savez(path, **{"codes": CODES, "factors": FACTORS} | arrays)
    return path


def score(folder: Path, path: Path, **settings: Any) -> int:
    """As the command line does it, without its process."""
    protocol = yaml.safe_load((shipped.conf_dir() / "scoring" / "quick.yaml").read_text(encoding="utf-8"))
    default = {
        "stage": "score", "codes": str(path), "name": "mine", "dataset": "custom", "seed": [0], "results_dir": folder,
        "metric": ["mig"], "scoring": protocol | settings.pop("scoring", {}), "study": {"name": None, "title": None},
        "given": {"metric": "mig", "scoring": ""}, "shipped": False, "processes": 1,
    }  # fmt: skip
    return commands.perform(default | settings, {})


def test_codes_of_a_file_are_rows_of_the_table(tmp_path: Path) -> None:
    assert score(tmp_path, save(tmp_path), metric=["mig", "unsupervised"]) == 0
    table = bench.scores(results_dir=tmp_path)
    assert set(table["model"]) == {"mine"}
    assert set(table["dataset"]) == {"custom"}
    assert set(table["name"]) >= {"mig", "gaussian_total_correlation"}
    mig = table.loc[table["name"] == "mig", "score"].item()
    assert mig == pytest.approx(bench.score(CODES, FACTORS, ["mig"])["mig"])
    assert table["num_train"].unique().tolist() == [900]  # of the 5,000 that the protocol would read


def test_values_of_single_factors_bear_the_names_that_the_data_set_gives_them(tmp_path: Path) -> None:
    options = {"options": {"downstream": {"train_sizes": [50], "predictor": "lr"}}}
    for dataset in ("custom", "dsprites"):
        assert score(tmp_path, save(tmp_path), dataset=dataset, metric=["downstream"], scoring=options) == 0
    table = bench.scores(results_dir=tmp_path)
    named = {d: list(t["factor"].dropna()) for d, t in table.groupby("dataset", observed=True)}
    assert named == {
        "custom": ["0", "1", "2", "3", "4"],
        "dsprites": ["shape", "scale", "orientation", "x", "y"],
    }


def test_a_second_call_computes_only_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path)
    score(tmp_path, path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/*")}
    assert score(tmp_path, path) == 0
    assert "nothing is missing" in capsys.readouterr().err
    assert score(tmp_path, path, metric=["mig", "modularity"]) == 0
    after = {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/*")}
    assert before.items() < after.items()
    assert len(after) == len(before) + 1


def test_a_study_shows_it_when_asked(tmp_path: Path) -> None:
    score(tmp_path, save(tmp_path), study={"name": "ours", "title": None})
    score(tmp_path, save(tmp_path, "other.npz", codes=CODES**3), name="other", study={"name": "ours", "title": None})
    score(tmp_path, save(tmp_path, "third.npz", codes=CODES**5), name="third")
    assert set(bench.scores("ours", tmp_path)["model"]) == {"mine", "other"}
    assert set(bench.scores(results_dir=tmp_path)["model"]) == {"mine", "other", "third"}


def test_codes_with_a_log_variance_have_a_sampled_representation(tmp_path: Path) -> None:
    both = {"representations": ["mean", "sampled"]}
    assert score(tmp_path, save(tmp_path, logvar=np.zeros_like(CODES)), scoring=both) == 0
    assert score(tmp_path, save(tmp_path), name="certain", scoring=both) == 0
    table = bench.scores(results_dir=tmp_path).set_index(["model", "representation"])["score"]
    assert table["mine", "sampled"] < table["mine", "mean"] / 2
    assert set(table["certain"].index) == {"mean"}


def test_no_more_rows_are_scored_than_the_protocol_encodes(tmp_path: Path) -> None:
    score(tmp_path, save(tmp_path), metric=["beta_vae_score"], scoring={"pool": 300})
    assert set(bench.scores(results_dir=tmp_path)["num_train"]) == {300}


def test_other_codes_need_another_name_or_seed(tmp_path: Path) -> None:
    score(tmp_path, save(tmp_path))
    other = save(tmp_path, "other.npz", codes=CODES**3)
    with pytest.raises(ConfigError, match="the store has other codes named mine, of custom, seed 0"):
        score(tmp_path, other)
    assert score(tmp_path, other, seed=[1]) == 0
    assert set(bench.scores(results_dir=tmp_path)["seed"]) == {0, 1}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no codes": ({"codes": None}, "mine.npz has no array 'codes', it holds factors"),
    "lengths": ({"factors": FACTORS[:-1]}, "mine.npz: factors has 899 rows, the codes have 900"),
    "NaN": ({"codes": np.where(CODES > 1, np.nan, CODES)}, "mine.npz: codes has .* NaN or infinite values"),
    "fractions": ({"factors": FACTORS / 2}, "mine.npz: factors must be integers"),
    "log-variance": ({"logvar": CODES[:, :2]}, r"mine.npz: logvar has shape \(900, 2\), codes have \(900, 5\)"),
    "a variance": (
        {"logvar": 0 * CODES + 190},
        r"mine.npz: logvar is 190 at row 0, dim 0: its exp\(logvar / 2\) leaves",
    ),
    "a negative deviation": ({"std": CODES}, "mine.npz: std of the file has the negative value -"),
    "one axis": ({"factors": FACTORS[:, 0]}, r"mine.npz: factors must be .*np.asarray\(factors\).reshape\(-1, 1\)"),
    "a constant column": (
        {"factors": np.hstack([0 * FACTORS[:, :1], FACTORS])},
        "factors has 6 columns, dsprites has 5: .*; leave out column 0, which has a single value",
    ),
    "columns": ({"factors": FACTORS[:, :2]}, "mine.npz: factors has 2 columns, dsprites has 5: shape, scale"),
    "values": ({"factors": FACTORS + 1}, "mine.npz: factors has the value 3 of shape, which has 3 values in dsprites"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arrays_are_named_with_their_file(tmp_path: Path, what: str) -> None:
    changed, message = WRONG[what]
    arrays = {n: a for n, a in ({"codes": CODES, "factors": FACTORS} | changed).items() if a is not None}
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    with pytest.raises(ConfigError, match=message):
        read(path, "mine", "dsprites", 0)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("codes, factors\n"),
    "truncated": _truncated,
    "a flipped byte": _flipped,
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"codes": CODES})),
    "pickled arrays": lambda path: np.savez(path, codes=np.array([{}], object), factors=FACTORS),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path)
    DAMAGE[damage](path)
    with pytest.raises(StoreError, match=r"cannot read .*mine\.npz: ."):
        read(path, "mine", "custom", 0)


ALIASES: dict[str, dict[str, Any]] = {
    "std": {"std": np.full_like(CODES, 2)},
    "stddev": {"stddev": np.full_like(CODES, 2)},
    "var": {"var": np.full_like(CODES, 4)},
    "log_var": {"log_var": np.full_like(CODES, np.log(4))},
    "logvars": {"logvars": np.full_like(CODES, np.log(4)), "scale": np.full_like(CODES, 2)},
}


@pytest.mark.parametrize("alias", ALIASES)
def test_a_variance_is_read_under_its_usual_names(tmp_path: Path, alias: str) -> None:
    logvar = read(save(tmp_path, **ALIASES[alias]), "mine", "custom", 0).codes.logvar
    np.testing.assert_allclose(logvar, np.full_like(CODES, np.log(4)))


def test_codes_and_factors_are_read_under_their_usual_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, mu=CODES, latents_classes=FACTORS.astype(float), images=np.zeros(3), sigma=CODES)
    own = read(path, "mine", "custom", 0)
    np.testing.assert_array_equal(own.codes.mean, CODES)
    np.testing.assert_array_equal(own.factors, FACTORS)
    assert own.codes.logvar is None
    assert "mine.npz: not used: images, sigma" in capsys.readouterr().err


def test_names_in_a_file_are_shown_as_far_as_a_line_goes(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **{"\x1b[31m": CODES, **{f"a{k}": CODES[:1] for k in range(30)}})
    with pytest.raises(ConfigError, match=r"no array 'codes', it holds '\\x1b\[31m', a0, .*, a10 and 19 more$"):
        read(tmp_path / "mine.npz", "mine", "custom", 0)


def test_names_that_could_both_be_meant_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, mu=CODES, embedding=CODES + 1, factors=FACTORS)
    with pytest.raises(ConfigError, match="holds mu and embedding: name the one that is meant 'codes'"):
        read(path, "mine", "custom", 0)
    with pytest.raises(ConfigError, match="has logvar and std, which differ"):
        read(save(tmp_path, logvar=CODES, std=np.abs(CODES)), "mine", "custom", 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("beta_vae", "is a model of the suite"),
        ("a/b", "a name is 1 to 64 letters"),
        ("..", "starts with a letter"),
        ("n" * 65, "a name is 1 to 64 letters"),
        ("mein name", "a name is 1 to 64 letters"),
    ],
)
def test_names_that_cannot_be_had_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(save(tmp_path), name, "custom", 0)


def test_what_else_the_command_lacks_is_told(tmp_path: Path) -> None:
    path = save(tmp_path)
    with pytest.raises(ConfigError, match="needs a name to be listed under: name=NAME"):
        score(tmp_path, path, name=None)
    with pytest.raises(ConfigError, match=r"codes=FILE is of one seed, got \[0, 1\]"):
        score(tmp_path, path, seed=[0, 1])
    with pytest.raises(ConfigError, match="codes=FILE is scored, not train"):
        score(tmp_path, path, stage="train")
    with pytest.raises(ValueError, match=r"unknown data set 'dsprits'\. Did you mean 'dsprites'"):
        score(tmp_path, path, dataset="dsprits")
    assert not (tmp_path / "runs").exists()


def test_a_metric_that_fails_is_named_and_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path)
    wrong = {"options": {"mig": {"num_bins": 0}}}
    assert score(tmp_path, path, metric=["mig", "unsupervised"], scoring=wrong) == 1
    assert "num_bins must be an integer" in capsys.readouterr().out
    assert set(bench.scores(results_dir=tmp_path)["metric"]) == {"unsupervised"}
    assert score(tmp_path, path, metric=["mig", "unsupervised"], scoring=wrong) == 1
    assert len(Store(tmp_path).listings()) == 1


def test_on_the_command_line_the_data_set_is_custom_unless_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"codes={save(tmp_path)}", "name=mine", "metric=mig", f"results_dir={tmp_path}", "processes=1"]
    assert perform(["score", *words]) == 0
    assert "mine, seed 0, of custom" in capsys.readouterr().out
    assert set(bench.scores(results_dir=tmp_path)["model"]) == {"mine"}


@pytest.mark.parametrize("lost", [True, False])
def test_codes_that_are_lost_cost_their_own_scores_and_are_put_back_with_their_file(
    tmp_path: Path, lost: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other = save(tmp_path), save(tmp_path, "other.npz", codes=CODES[:, ::-1])
    study = {"study": {"name": "ours", "title": None}, "given": {"metric": "mig", "scoring": "", "study.name": "ours"}}
    for path, name in ((mine, "mine"), (other, "other")):
        assert score(tmp_path, path, name=name, **study) == 0
    (codes_file,) = [p for p in tmp_path.glob("runs/*/codes-*") if '"mine"' in (p.parent / "config.json").read_text()]
    if lost:
        codes_file.unlink()
    else:
        codes_file.write_bytes(codes_file.read_bytes()[:500])
    words = [f"results_dir={tmp_path}", "processes=1"]
    assert perform(["score", "study=ours", "metric=modularity", *words]) == 1
    assert "LostCodesError" in (told := capsys.readouterr().out)
    assert "codes=mine.npz" in told
    scored = bench.scores("ours", tmp_path)
    assert set(scored.loc[scored["metric"] == "modularity", "model"]) == {"other"}
    assert score(tmp_path, mine, metric=["modularity"], **study) == 0
    scored = bench.scores("ours", tmp_path)
    assert set(scored.loc[scored["metric"] == "modularity", "model"]) == {"mine", "other"}


def test_a_name_without_a_file_of_codes_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(["score", "study=quick", "name=mine", f"results_dir={tmp_path}"]) == 1
    assert "codes=FILE is missing" in "".join(capsys.readouterr())

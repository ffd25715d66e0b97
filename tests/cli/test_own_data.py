"""`python -m bench data add|list|remove`: from a folder of pictures to a data set that can be trained on."""

import csv
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from bench import data
from bench import scores as bench_scores
from bench.__main__ import compose_all
from bench.cli import commands, data_sets, own_data
from bench.cli.completion import candidates
from bench.cli.words import read
from bench.data import own
from bench.data.base import DataError
from bench.registry import UnknownNameError
from bench.report.sheet import draw_sheet
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.study.grid import plan
from bench.training.train import train
from bench.values import ConfigError

pytestmark = pytest.mark.usefixtures("without_workers", "without_the_shipped_table")

Run = Callable[..., int]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Performs a command line, whose own data sets and results lie in a folder of the test; sheets are not drawn."""
    monkeypatch.setenv("BENCH_CARDS", str(tmp_path / "own"))
    for module in (data_sets, own_data):
        monkeypatch.setattr(module, "draw_sheet", lambda images, path: None)
    data.forget()

    def run(*words: str) -> int:
        (settings,) = compose_all(read([*words, f"results_dir={tmp_path / 'results'}"]))
        return commands.perform(settings, {"model": [], "study": []})

    yield run
    data.forget()


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[str, str]:
    """Discs and boxes at four places in two colours, 20 by 16 pixels, and what they are: the words that name both."""
    folder = tmp_path / "pictures [of mine]"
    folder.mkdir()
    rows = []
    for i, (shape, place, colour) in enumerate(itertools.product(("disc", "box"), range(4), ("red", "blue"))):
        picture = Image.new("RGB", (20, 16))
        draw = ImageDraw.Draw(picture)
        (draw.ellipse if shape == "disc" else draw.rectangle)((3 + 3 * place, 4, 8 + 3 * place, 9), fill=colour)
        picture.save(folder / f"{i:02}.png")
        rows.append((f"{i:02}.png", shape, f"{place / 4}", colour))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "shape", "place", "colour"), *reversed(rows)])
    return f"images={folder}", f"labels={tmp_path / 'labels.csv'}"


def test_a_folder_of_pictures_becomes_a_data_set(
    bench: Run, pictures: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("data", "add", "name=mine", *pictures, "size=32") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "16 files: colour 16 16x20 made 32x32 by Lanczos' filter: their middle square is kept (fit=crop)" in said
    assert "place: measured, each value a class, 4 classes, 0 to 0.75" in said
    assert "mine: 16 images of 32x32x3, factors shape 2, place 4, colour 2" in said
    assert "every combination of factor values is there once, a grid" in said
    assert "networks that take it: locatello2019, mlp, small, at 32x32 python -m bench run dataset=mine" in said
    there = data.load_data("mine")
    assert there.factors([0, 15]).tolist() == [[0, 0, 0], [1, 3, 1]]
    assert there.values([15]).tolist() == [[1, 0.75, 1]]
    box, disc = there.images(there.index([[0, 0, 0], [1, 0, 0]]))
    assert box[..., 2].sum() > disc[..., 2].sum() > 0 == box[..., 0].max()


def test_it_is_listed_as_the_users_own_and_verified_with_the_others(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("data", "list") == 0
    assert "no data sets of your own" in capsys.readouterr().err
    bench("data", "add", "name=mine", *pictures, "size=32")
    capsys.readouterr()
    assert bench("data", "list") == 0
    assert "16 images of 32x32x3, factors shape 2, place 4, colour 2" in capsys.readouterr().out
    assert bench("list", "data") == 0
    assert {"mine (your own)", "dsprites"} <= set(capsys.readouterr().out.splitlines())
    assert bench("data", "dataset=mine") == 0
    with (tmp_path / "own" / "mine" / "images.npy").open("ab") as file:
        file.write(b"!")
    assert bench("data", "dataset=mine") == 1
    assert "images.npy is not as it was put there" in capsys.readouterr().err.replace("\n", " ")


def test_it_is_removed_by_name(bench: Run, pictures: tuple[str, str], tmp_path: Path) -> None:
    bench("data", "add", "name=mine", *pictures, "size=32")
    assert bench("data", "remove", "name=mine") == 0
    assert list((tmp_path / "own").iterdir()) == []
    with pytest.raises(UnknownNameError, match="unknown data set of your own 'mine'"):
        bench("data", "remove", "name=mine")
    with pytest.raises(ConfigError, match="name=dsprites comes with the package"):
        bench("data", "remove", "name=dsprites")


def test_a_dry_run_says_what_is_recognised_and_writes_nothing(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("data", "add", "name=mine", *pictures, "size=32", "--dry-run") == 0
    assert "colour: text, 2 classes, blue to red" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


def test_an_archive_without_labels_is_a_data_set_whose_sheet_is_random_images(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_data, "draw_sheet", draw_sheet)
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((9, 3, 32, 32)))
    assert bench("data", "add", "name=bare", f"images={tmp_path / 'a.npz'}", "array=x", "channels=grey") == 0
    assert data.card("bare").image_shape == (32, 32, 1)
    assert Store(tmp_path / "results").sheet("bare").exists()


def test_nothing_is_added_where_its_sheet_cannot_be_written(
    bench: Run, pictures: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        bench("data", "add", "name=mine", *pictures, "size=32")
    assert not (tmp_path / "own").exists()


def test_a_range_is_told_as_two_numbers(bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).uniform(-1, 1, (9, 32, 32)))
    words = ("data", "add", "name=mine", f"images={tmp_path / 'a.npz'}")
    with pytest.raises(DataError, match=r"range=\[-1,1\] maps other values"):
        bench(*words)
    assert bench(*words, "range=[-1,1]") == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("add", "data add lacks name=NAME"),
        ("add name=mine", "data add lacks images="),
        ("add name=mine images=PICTURES", "images of 16x20 pixels are not square: size=64"),
        ("add name=mine images=PICTURES size=3", "size must be 4 to 1024"),
        ("add name=mine images=PICTURES size=big", "size must be a whole number"),
        ("add name=mine images=PICTURES size=32 fit=zoom", "unknown fit 'zoom'"),
        ("add name=mine images=PICTURES size=32 channels=rgba", "unknown channels 'rgba'"),
        ("add name=mine images=PICTURES size=32 background=red", "unknown background 'red'"),
        ("add name=mine images=PICTURES size=32 classes=1", "classes must be a whole number from 2"),
        ("add name=mine images=PICTURES size=32 range=[1,0]", "range is two numbers"),
        ("add name=mine images=PICTURES size=32 range=5", "range is two numbers"),
        ("add name=mine images=PICTURES size=32 range=[-1e308,1e308]", "range is two numbers"),
        ("add name=mine images=PICTURES size=32 factors=[shape]", "comes without"),
        ("add name=mine images=PICTURES dataset=mnist", "dataset does not go with data add"),
        ("add name=dsprites images=PICTURES", "comes with the package"),
        ("add name=mine images=nowhere", "there is no nowhere"),
        ("remove", "data remove lacks name=NAME"),
        ("remove name=mine size=5", "size does not go with data remove"),
        ("list name=mine", "name does not go with data list"),
        ("drop name=mine", "unknown thing to do with data 'drop'"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    words: str, fault: str, bench: Run, pictures: tuple[str, str], tmp_path: Path
) -> None:
    given = [word.replace("images=PICTURES", pictures[0]) for word in words.split()]
    with pytest.raises((ConfigError, DataError, UnknownNameError), match=fault):
        bench("data", *given)
    assert not (tmp_path / "own").exists()


def test_a_size_that_no_convolutional_network_takes_is_kept_only_if_it_is_asked_for(
    bench: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((9, 27, 27), np.uint8))
    words: tuple[Any, ...] = ("data", "add", "name=mine", f"images={tmp_path / 'a.npz'}")
    with pytest.raises(
        ConfigError, match=r"images of 27x27 go with no convolutional networks .*: size=28 makes them 28"
    ):
        bench(*words)
    assert bench(*words, "size=27") == 0
    assert "python -m bench run dataset=mine trainer.architecture=mlp" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("size", [28, 128])
def test_they_are_trained_on_at_their_size_without_being_told(size: int, bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (40, size, size), np.uint8))
    bench("data", "add", "name=mine", f"images={tmp_path / 'a.npz'}")
    words = ("dataset=mine", "strength=[0,5]", "trainer.steps=2", "trainer.batch_size=4")
    (settings,) = compose_all(read(["train", *words]))
    runs = plan(settings).runs
    assert [run.label.startswith(f"quick: 2 steps, {size}x{size} px") for run in runs] == [True, True]
    assert train(runs, Store(tmp_path / "results"), "cpu", lambda steps, note: None) == ["done", "done"]


def test_a_wrong_label_is_named_by_the_line_it_stands_on(bench: Run, pictures: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3].replace("box", ""), *lines[4:]]))
    with pytest.raises(DataError, match=r"labels\.csv, column shape has no value in line 4$"):
        bench("data", "add", "name=mine", *pictures, "size=32")


def test_a_name_that_differs_in_case_alone_is_taken_by_the_one_that_is_there(bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.eye(32, dtype=np.uint8)[None].repeat(9, axis=0))
    assert bench("data", "add", "name=mine", f"images={tmp_path / 'a.npz'}") == 0
    with pytest.raises(
        DataError, match="name=Mine is a data set of your own already: `python -m bench data remove name=mine`"
    ):
        bench("data", "add", "name=Mine", f"images={tmp_path / 'a.npz'}")


def test_adding_the_same_images_again_says_that_they_are_there_and_others_are_refused(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("data", "add", "name=mine", *pictures, "size=32")
    assert bench(*words) == 0
    before = {file: file.stat().st_mtime_ns for file in own.card_path("mine").parent.iterdir()}
    capsys.readouterr()
    assert bench(*words) == 0
    assert "mine: these images and factors were added already" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in own.card_path("mine").parent.iterdir()} == before
    assert [path.name for path in own.card_path("mine").parents[1].iterdir()] == ["mine"]
    for other in (("size=16",), ("size=32", "channels=grey")):
        with pytest.raises(DataError, match="name=mine is a data set of your own already"):
            bench(*words[:-1], *other)
    picture = sorted(Path(pictures[0].removeprefix("images=")).glob("*"))[0]
    with Image.open(picture) as image:
        changed = image.point(lambda level: 255 - level)
    changed.save(picture)
    with pytest.raises(DataError, match="name=mine is a data set of your own already"):
        bench(*words)


def test_words_of_the_stage_are_completed() -> None:
    assert candidates(["data", "a"]).splitlines() == ["add", "accept=", "array="]
    assert candidates(["data", "add", "fit="]).splitlines() == ["fit=crop", "fit=pad", "fit=stretch"]
    assert candidates(["data", "add", "images="]) == ":files"


@pytest.mark.slow
def test_they_are_trained_on_and_scored_with_labels_and_without(
    bench: Run, pictures: tuple[str, str], tmp_path: Path
) -> None:
    bench("data", "add", "name=mine", *pictures, "size=32")
    bench("data", "add", "name=bare", pictures[0], "size=32")
    words = ("model=pca", "dataset=[mine,bare]", "metric=[mig,unsupervised]", "study.name=own", "processes=1")
    assert bench("run", *words) == 0
    store = Store(tmp_path / "results")
    table = bench_scores("own", results_dir=store.path)
    assert table.loc[table["name"] == "mig", "dataset"].tolist() == ["mine"]
    assert set(table.loc[table["metric"] == "unsupervised", "dataset"]) == {"mine", "bare"}
    assert (store.study("own") / "leaderboard.html").exists()
    assert all((store.study("own") / "models" / f"{name}_pca.png").exists() for name in ("mine", "bare"))


@pytest.mark.long
def test_a_study_goes_on_without_a_data_set_that_was_removed(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "other.npz", images=np.random.default_rng(0).integers(0, 255, (60, 16, 16), np.uint8))
    bench("data", "add", "name=mine", *pictures, "size=16")
    bench("data", "add", "name=other", f"images={tmp_path / 'other.npz'}", "size=16")
    grid = ("model=pca", "dataset=[mine,other]", "seed=0", "trainer=quick", "study.name=two")
    assert bench("train", *grid) == 0
    bench("data", "remove", "name=mine")
    capsys.readouterr()
    assert bench("score", "study=two", "metric=[active_dims]", "processes=1") == 1  # as for a download that is missing
    told = " ".join("".join(capsys.readouterr()).split())
    assert "1 run of mine left out: no data set has this name any more" in told
    assert set(bench_scores("two", tmp_path / "results")["dataset"]) == {"other"}


@pytest.mark.long
def test_of_a_study_on_two_versions_of_a_data_set_the_runs_of_the_one_that_is_gone_are_left_out(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = ("model=pca", "dataset=mine", "study.name=two", "metric=[active_dims]")
    bench("data", "add", "name=mine", *pictures, "size=16")
    assert bench("train", *grid, "seed=0..1") == 0
    bench("data", "remove", "name=mine")
    np.savez(tmp_path / "other.npz", images=np.random.default_rng(0).integers(0, 255, (60, 16, 16), np.uint8))
    bench("data", "add", "name=mine", f"images={tmp_path / 'other.npz'}", "size=16")
    assert bench("train", *grid, "seed=2") == 0
    capsys.readouterr()
    assert bench("score", "study=two", "processes=1") == 1
    told = " ".join("".join(capsys.readouterr()).split())
    assert "2 runs of mine left out: these runs are of version" in told
    assert bench_scores("two", tmp_path / "results")["seed"].unique().tolist() == [2]


@pytest.mark.long
def test_results_stay_whole_without_the_data_set_they_are_of_and_with_another_of_its_name(
    bench: Run, pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench("data", "add", "name=mine", *pictures, "size=32")
    grid = ("dataset=mine", "model=pca", "seed=0..1", "study.name=own", "processes=1")
    assert bench("run", "metric=[clusterability,model_centrality]", *grid) == 0
    store = Store(tmp_path / "results")
    table, picture = bench_scores("own", store.path), store.study("own") / "models" / "mine_pca.png"
    assert set(table["factor"].dropna()) == {"shape", "place", "colour"}
    assert "model_centrality" in set(table["name"])
    before = picture.read_bytes()
    bench("data", "remove", "name=mine")
    for state in ("gone", "another"):
        capsys.readouterr()
        for words in (["status"], ["report"], ["export"], ["train", "--dry-run"]):
            assert bench(*words, "study=own") == 0
        pd.testing.assert_frame_equal(bench_scores("own", store.path), table)
        assert bench("score", "study=own", "processes=1") == 1
        told = " ".join("".join(capsys.readouterr()).split())
        assert "cannot read" not in told
        assert {"gone": "no data set has this name any more", "another": "here is version"}[state] in told
        assert picture.read_bytes() == before
        if state == "gone":
            np.savez(tmp_path / "b.npz", images=np.zeros((9, 32, 32), np.uint8), labels=np.arange(9))
            bench("data", "add", "name=mine", f"images={tmp_path / 'b.npz'}")

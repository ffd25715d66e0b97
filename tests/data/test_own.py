"""A data set of the user's own is put in place whole or not at all, read like any other, and checked at each use."""

import os
import pickle
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench import data
from bench.data import adding, own
from bench.data.base import DataError, DataSet
from bench.data.pictures import ImageOptions
from bench.store.files import StoreError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
SHAPE, PLACE = np.divmod(np.random.default_rng(1).permutation(12), 4)
WORDS = np.array(["circle", "heart", "square"])[SHAPE]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BENCH_CARDS", str(tmp_path / "own"))
    data.forget()
    yield tmp_path / "own"
    data.forget()


def add(folder: Path, name: str = "mine", **changes: Any) -> DataSet:
    """A data set of an .npz whose images are a shuffled grid of words and places, with these arrays changed."""
    arrays = {"images": PIXELS, "shape": WORDS, "place": PLACE / 3} | changes
    np.savez(folder / "made.npz", **{n: a for n, a in arrays.items() if a is not None})
    made = adding.source(folder / "made.npz", None, ImageOptions())
    own.check_new(name, data.packaged())
    adding.write(name, made)
    data.forget()
    return data.load_data(name)


def left(home: Path) -> list[str]:
    return sorted(os.listdir(home)) if home.exists() else []


def test_every_combination_once_is_a_grid_whose_images_are_in_the_order_of_its_rows(tmp_path: Path) -> None:
    there = add(tmp_path)
    assert (there.card.factor_names, there.card.factor_sizes, there.card.grid) == (("shape", "place"), (3, 4), True)
    rows = np.lexsort((PLACE, SHAPE))
    np.testing.assert_array_equal(there.images(np.arange(12)), PIXELS[rows].astype(np.float32) / 255)
    np.testing.assert_array_equal(there.factors(np.arange(12)), np.stack([SHAPE, PLACE], axis=1)[rows])
    np.testing.assert_array_equal(there.index(there.factors([7, 2])), [7, 2])
    np.testing.assert_array_equal(there.values([5]), [[1, 1 / 3]])


def test_without_a_grid_images_keep_their_order(tmp_path: Path) -> None:
    there = add(tmp_path, place=np.arange(12) % 5)
    assert not there.card.grid
    np.testing.assert_array_equal(there.images(np.arange(12)) * 255, PIXELS)
    np.testing.assert_array_equal(there.factors(np.arange(12))[:, 0], SHAPE)
    with pytest.raises(ValueError, match="no factor grid"):
        there.index([[0, 0]])


def test_measured_values_stand_beside_their_classes(tmp_path: Path) -> None:
    measured = np.random.default_rng(2).normal(size=12)
    np.savez(tmp_path / "made.npz", images=PIXELS, size=measured)
    adding.write("mine", adding.source(tmp_path / "made.npz", None, ImageOptions(), num_classes=3))
    there = data.load_data("mine")
    np.testing.assert_array_equal(there.values(np.arange(12))[:, 0], measured)
    assert np.bincount(there.factors(np.arange(12))[:, 0]).tolist() == [4, 4, 4]


def test_without_labels_there_are_no_factors(tmp_path: Path) -> None:
    there = add(tmp_path, shape=None, place=None)
    assert there.card.factor_names == ()
    assert there.factors([0, 3]).shape == there.values([0, 3]).shape == (2, 0)
    data.fetch("mine")


def test_columns_of_a_table_and_arrays_that_are_asked_for_are_factors(tmp_path: Path) -> None:
    table = np.stack([SHAPE, PLACE], axis=1)
    np.savez(tmp_path / "made.npz", images=PIXELS, labels=table, place=PLACE)
    names = [f.name for f in adding.source(tmp_path / "made.npz", None, ImageOptions()).factors]
    assert names == ["labels_0", "labels_1"]
    for chosen, taken in (["labels"], names), (["labels_1"], ["labels_1"]), (["place", "labels"], ["place", *names]):
        made = adding.source(tmp_path / "made.npz", None, ImageOptions(), chosen=chosen)
        assert [f.name for f in made.factors] == taken
    (place,) = adding.source(tmp_path / "made.npz", None, ImageOptions(), chosen=["place"]).factors
    assert place.classes.tolist() == PLACE.tolist()
    with pytest.raises(DataError, match=r"no column 'size': factors= may name labels_0, labels_1"):
        adding.source(tmp_path / "made.npz", None, ImageOptions(), chosen=["size"])


def folder_of(path: Path, rows: str) -> tuple[Path, Path]:
    path.mkdir()
    for i, image in enumerate(PIXELS[:4]):
        Image.fromarray(image).save(path / f"{i}.png")
    (path / "labels.csv").write_text(f"image,shape,size\n{rows}")
    return path, path / "labels.csv"


def test_rows_of_a_csv_file_go_with_the_files_that_they_name(tmp_path: Path) -> None:
    images, table = folder_of(tmp_path / "pics", "3.png,a,9\n1.png,b,8\n0.png,a,7\n2.png,b,6\n")
    made = adding.source(images, table, ImageOptions())
    adding.write("mine", made)
    there = data.load_data("mine")
    np.testing.assert_array_equal(there.images(np.arange(4)) * 255, PIXELS[:4])
    assert there.values(np.arange(4)).tolist() == [[0, 7], [1, 8], [1, 6], [0, 9]]
    assert "size: whole numbers, 4 classes, 6 to 9" in made.remarks
    (size,) = adding.source(images, table, ImageOptions(), chosen=["size"]).factors
    assert size.name == "size"


def test_rows_of_a_csv_file_beside_an_archive_are_in_the_order_of_its_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "made.npz", images=PIXELS)
    (tmp_path / "labels.csv").write_text("shape\n" + "\n".join(WORDS))
    (shape,) = adding.source(tmp_path / "made.npz", tmp_path / "labels.csv", ImageOptions()).factors
    assert shape.classes.tolist() == SHAPE.tolist()
    (tmp_path / "labels.csv").write_text("shape\na\nb\n")
    with pytest.raises(DataError, match=r"labels\.csv has 2 rows, .*made\.npz has 12 images"):
        adding.source(tmp_path / "made.npz", tmp_path / "labels.csv", ImageOptions())


def test_it_is_among_the_data_sets_and_its_card_says_what_it_is(tmp_path: Path, home: Path) -> None:
    add(tmp_path)
    assert "mine" in data.names()
    assert data.users_own() == ["mine"]
    assert "mine" not in data.packaged()
    card = data.card("mine")
    assert "shape: text, 3 classes, circle to square" in card.description
    assert card.options["classes"]["shape"] == ["circle", "heart", "square"]
    assert all(file.sha256 for file in card.files)
    assert left(home) == ["mine"]


def test_another_process_opens_it_again(tmp_path: Path) -> None:
    there = add(tmp_path)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(there)).images([3]), there.images([3]))


def test_its_version_is_of_what_is_in_it(tmp_path: Path) -> None:
    first = add(tmp_path).card.version
    own.remove("mine")
    assert add(tmp_path).card.version == first
    own.remove("mine")
    assert add(tmp_path, images=255 - PIXELS).card.version != first
    own.remove("mine")
    assert add(tmp_path, place=None, position=PLACE / 3).card.version != first


@pytest.mark.parametrize("file", [own.IMAGES, own.CLASSES, own.VALUES])
def test_a_file_that_changed_or_is_gone_is_named_before_it_is_used(file: str, tmp_path: Path, home: Path) -> None:
    add(tmp_path)
    path = home / "mine" / file
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    data.forget()
    with pytest.raises(DataError, match=rf"{file} is not as it was put there: .*data remove name=mine"):
        data.load_data("mine")
    assert data.state("mine") == "damaged"
    path.unlink()
    with pytest.raises(DataError, match=f"{file} is missing"):
        data.load_data("mine")


def test_a_card_that_was_changed_is_named_and_the_others_stay(tmp_path: Path, home: Path) -> None:
    add(tmp_path)
    (home / "mine" / own.CARD).write_text("name: other")
    data.forget()
    with pytest.raises(DataError, match=r"card\.yaml is not valid"):
        data.card("mine")
    assert data.card("dsprites").name == "dsprites"


def test_a_removed_one_is_gone_and_what_else_lay_there_stays(tmp_path: Path, home: Path) -> None:
    add(tmp_path)
    add(tmp_path, "other")
    (home / "other" / "notes.txt").write_text("of mine")
    for name in ("mine", "other"):
        own.remove(name)
    data.forget()
    assert data.users_own() == []
    assert left(home) == ["other"]
    assert os.listdir(home / "other") == ["notes.txt"]


def test_one_whose_removal_was_interrupted_can_be_removed(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink
    for moment in range(4):
        add(tmp_path)
        left_to_remove = iter(range(moment))

        def interrupted(path: Path, missing_ok: bool = False, rest: Iterator[int] = left_to_remove) -> None:
            if next(rest, None) is None:
                raise KeyboardInterrupt
            unlink(path, missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", interrupted)
            with pytest.raises(KeyboardInterrupt):
                own.remove("mine")
        data.forget()
        assert data.users_own() == ["mine"]
        own.remove("mine")
        assert left(home) == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("dsprites", "comes with the package"),
        ("DSprites", "comes with the package"),
        ("there", "your own already: .*data remove name=there"),
        ("There", "your own already"),
        ("way", "is in the way"),
        *[(name, "cannot be the name") for name in ("a-b", "1a", "", "a/b", "../a", "ä", "a" * 65, "null", "True")],
    ],
)  # fmt: skip
def test_a_name_that_is_taken_or_is_none_is_refused(name: str, fault: str, tmp_path: Path, home: Path) -> None:
    add(tmp_path, "there")
    (home / "way").mkdir()
    (home / "way" / "a.png").write_text("somebody's")
    with pytest.raises(DataError, match=fault):
        own.check_new(name, data.packaged())


def broken(made: adding.Source, fault: BaseException) -> adding.Source:
    """The source, whose third image cannot be had."""

    def images() -> Iterator[NDArray[np.uint8]]:
        yield PIXELS[:2]
        raise fault

    made.images.images = images  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize("fault", [DataError("broken"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_one_that_could_not_be_written(fault: BaseException, tmp_path: Path, home: Path) -> None:
    np.savez(tmp_path / "made.npz", images=PIXELS)
    made = broken(adding.source(tmp_path / "made.npz", None, ImageOptions()), fault)
    with pytest.raises(StoreError if isinstance(fault, OSError) else type(fault)):
        adding.write("mine", made)
    assert left(home) == []


def test_labels_that_do_not_fit_on_the_disk_are_named_as_such(tmp_path: Path, home: Path) -> None:
    np.savez(tmp_path / "made.npz", images=PIXELS, **{f"label{k}": np.arange(12) for k in range(200)})
    made = adding.source(tmp_path / "made.npz", None, ImageOptions())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # bytes: the images are smaller
    try:
        with pytest.raises(StoreError, match=r"cannot write .*: File too large"):
            adding.write("mine", made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(home) == []


def test_what_a_killed_writer_left_is_removed_and_what_another_writes_is_not(tmp_path: Path, home: Path) -> None:
    (home / ".old.adding-00000000").mkdir(parents=True)
    with adding._draft("other") as draft:
        add(tmp_path)
        assert left(home) == [draft.name, "mine"]
        (draft / own.CARD).write_text("name: other")
        draft.rename(home / "other")
    assert left(home) == ["mine", "other"]


def test_of_two_that_are_added_at_once_under_one_name_the_first_stays(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = adding._fill

    def overtaken(*settings: Any) -> None:
        monkeypatch.setattr(adding, "_fill", fill)
        add(tmp_path)
        fill(*settings)

    monkeypatch.setattr(adding, "_fill", overtaken)
    with pytest.raises(StoreError, match="cannot write"):
        add(tmp_path)
    assert left(home) == ["mine"]
    assert len(data.load_data("mine").images([0])) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CARDS", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=rf"cannot write {tmp_path}/file"):
        add(tmp_path)


def test_one_image_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds one image"):
        add(tmp_path, images=PIXELS[:1])


def test_they_lie_below_the_downloads_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_CARDS")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    add(tmp_path)
    assert (tmp_path / "own" / "mine" / own.CARD).is_file()


def test_one_whose_name_a_shipped_set_has_got_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path)
    shipped = data.packaged()
    monkeypatch.setattr(data, "packaged", lambda: [*shipped, "mine"])
    assert data.users_own() == []
    assert own.names() == ["mine"]


def test_a_row_or_a_file_more_leaves_nothing(tmp_path: Path, home: Path) -> None:
    images, table = folder_of(tmp_path / "pics", "3.png,a,9\n1.png,b,8\n0.png,a,7\n")
    with pytest.raises(DataError, match=r"has no row of 2\.png"):
        adding.source(images, table, ImageOptions())
    assert left(home) == []


def test_an_index_outside_it_is_refused(tmp_path: Path) -> None:
    there = add(tmp_path)
    with pytest.raises(IndexError):
        there.factors([12])
    with pytest.raises(IndexError):
        there.values([-1])


def test_labels_of_another_length_are_refused_and_arrays_that_are_not_read_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "made.npz", images=PIXELS, labels=np.arange(len(PIXELS) - 1))
    with pytest.raises(DataError, match=r"labels has 11 rows, images has 12 images"):
        adding.source(tmp_path / "made.npz", None, ImageOptions())
    np.savez(tmp_path / "made.npz", images=PIXELS, place=PLACE, size=np.arange(5))
    (place,) = (made := adding.source(tmp_path / "made.npz", None, ImageOptions())).factors
    assert place.name == "place"
    assert "not used: size" in made.remarks
    with pytest.raises(DataError, match=r"size has 5 rows, images has 12 images"):
        adding.source(tmp_path / "made.npz", None, ImageOptions(), chosen=["size"])

"""One's own images become bytes of one square size; what is recognised of them is said, what is no image is named."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.data.base import DataError
from bench.data.pictures import Array, Files, ImageOptions, Pictures, pictures
from bench.store.files import StoreError

GREY = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), np.uint8)


def read(there: Pictures) -> NDArray[np.uint8]:
    return np.concatenate(list(there.images()))


def folder_of(path: Path, **images: Any) -> Path:
    path.mkdir(exist_ok=True)
    for name, image in images.items():
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture.save(path / f"{name}.png")
    return path


def array_of(path: Path, **arrays: Any) -> Path:
    np.savez(path / "images.npz", **arrays)
    return path / "images.npz"


def test_files_are_read_in_the_order_of_their_names_below_the_folder(tmp_path: Path) -> None:
    folder_of(tmp_path, b=GREY[1], a=GREY[0])
    folder_of(tmp_path / "c", d=GREY[2])
    folder_of(tmp_path / ".hidden", e=GREY[3])
    (tmp_path / "notes.txt").write_text("of mine")
    there = Files(tmp_path, ImageOptions())
    assert there.names == ["a.png", "b.png", "c/d.png"]
    np.testing.assert_array_equal(read(there)[..., 0], GREY[:3])
    assert there.remarks == ["3 files: grey 3", "left out, neither PNG nor JPEG: notes.txt"]


def test_images_are_grey_where_all_are(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0], b=COLOUR[0])
    images = read(Files(tmp_path, ImageOptions()))
    np.testing.assert_array_equal(images[0], np.repeat(GREY[0][..., None], 3, axis=-1))
    np.testing.assert_array_equal(images[1], COLOUR[0])
    grey = Files(tmp_path, ImageOptions(channels="grey"))
    assert read(grey).shape == (2, 8, 8, 1)
    assert "colours are made grey" in grey.remarks


def test_transparent_pixels_show_the_background(tmp_path: Path) -> None:
    rgba = np.concatenate([COLOUR[0], np.zeros((8, 8, 1), np.uint8)], axis=-1)
    rgba[0, 0, 3] = 255
    folder_of(tmp_path, a=rgba)
    for background, level in (("black", 0), ("white", 255)):
        there = Files(tmp_path, ImageOptions(background=background))
        (image,) = read(there)
        np.testing.assert_array_equal(image[0, 0], COLOUR[0, 0, 0])
        assert (image[1:] == level).all()
        assert f"transparent pixels are laid on {background}" in there.remarks


def test_every_kind_of_png_keeps_its_brightness(tmp_path: Path) -> None:
    kinds: dict[str, Any] = {
        "bits": Image.fromarray(GREY[0]).convert("1"),
        "deep": (np.full((8, 8), 200 * 257)).astype(np.uint16),
        "alpha": Image.merge("LA", [Image.new("L", (8, 8), 200), Image.new("L", (8, 8), 255)]),
    }
    folder_of(tmp_path, **kinds)
    there = Files(tmp_path, ImageOptions())
    alpha, bits, deep = read(there)[..., 0]
    assert there.channels == 1
    assert (alpha == 200).all()
    assert (deep == 200).all()
    assert set(np.unique(bits)) == {0, 255}


def test_a_palette_is_colour_and_may_be_transparent(tmp_path: Path) -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    picture.putpixel((0, 0), 0)
    tmp_path.mkdir(exist_ok=True)
    picture.save(tmp_path / "a.png", transparency=0)
    (image,) = read(Files(tmp_path, ImageOptions(background="white")))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[1, 1].tolist() == [10, 200, 30]


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 16)).save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(DataError, match="images of 8x16 pixels are not square"):
        Files(tmp_path, ImageOptions())
    assert read(Files(tmp_path, ImageOptions(size=4))).shape == (1, 4, 4, 3)


WIDE = np.repeat(np.array([[0] * 4 + [200] * 8 + [0] * 4], np.uint8), 8, axis=0)  # a bright square in the middle


@pytest.mark.parametrize(
    ("fit", "share"), [("crop", 1.0), ("pad", 0.25), ("stretch", 0.5)]
)  # of the image that is bright
def test_an_image_becomes_square_as_told(fit: str, share: float, tmp_path: Path) -> None:
    folder_of(tmp_path, a=WIDE)
    there = Files(tmp_path, ImageOptions(size=16, fit=fit))
    image = read(there)[0]
    assert image.shape == (16, 16, 1)
    assert image.mean() / 200 == pytest.approx(share, abs=0.03)
    assert f"(fit={fit})" in there.remarks[-1]


def test_what_is_added_around_an_image_is_the_background(tmp_path: Path) -> None:
    folder_of(tmp_path, a=WIDE)
    image = read(Files(tmp_path, ImageOptions(size=16, fit="pad", background="white")))[0]
    assert (image[0] == 255).all()


def test_images_of_two_sizes_need_a_size(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0], b=GREY[1, :6, :6])
    with pytest.raises(DataError, match=r"images of 2 sizes, such as 8x8 and 6x6: size=64 makes them 64x64"):
        Files(tmp_path, ImageOptions())
    assert read(Files(tmp_path, ImageOptions(size=8))).shape == (2, 8, 8, 1)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0])
    (tmp_path / "b.png").write_text("not an image")
    with pytest.raises(DataError, match=r"b\.png is no PNG or JPEG image"):
        Files(tmp_path, ImageOptions())


def test_an_image_of_another_format_is_none_whatever_its_name(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "a.png", format="BMP")
    with pytest.raises(DataError, match=r"a\.png is no PNG or JPEG image"):
        Files(tmp_path, ImageOptions())


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0], b=np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    there = Files(tmp_path, ImageOptions(size=8))
    with pytest.raises(DataError, match=r"b\.png is broken"):
        read(there)


def test_a_link_to_nothing_and_a_pipe_are_broken_images(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0])
    (tmp_path / "b.png").symlink_to(tmp_path / "none.png")
    with pytest.raises(DataError, match=r"b\.png is broken: .*No such file"):
        Files(tmp_path, ImageOptions())
    (tmp_path / "b.png").unlink()
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png is broken: it is no regular file"):
        Files(tmp_path, ImageOptions())


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, a=GREY[0])
    (tmp_path / "closed").mkdir()

    def scandir(folder: Any, listed: Any = os.scandir) -> Any:
        if Path(folder).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"cannot read .*closed: Permission denied"):
        Files(tmp_path, ImageOptions())


@pytest.mark.parametrize(("other", "fault"), [(None, "it is empty"), ("a.bmp", r"it holds a\.bmp")])
def test_a_folder_without_images_is_named(other: str | None, fault: str, tmp_path: Path) -> None:
    if other:
        Image.fromarray(GREY[0]).save(tmp_path / other)
    with pytest.raises(DataError, match=f"holds no PNG or JPEG files.*{fault}"):
        Files(tmp_path, ImageOptions())


def test_what_is_of_an_archive_does_not_go_with_a_folder(tmp_path: Path) -> None:
    folder_of(tmp_path, a=GREY[0])
    with pytest.raises(DataError, match=r"array= and range= are of an \.npz"):
        Files(tmp_path, ImageOptions(range=(0, 1)))


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        (GREY, r"grey, uint8"),
        (GREY[..., None], "grey, channels last"),
        (GREY[:, None], "grey, channels first"),
        (COLOUR, "RGB, channels last"),
        (np.moveaxis(COLOUR, -1, 1), "RGB, channels first"),
    ],
)
def test_where_channels_stand_is_recognised_and_said(images: NDArray[np.uint8], kind: str, tmp_path: Path) -> None:
    there = Array(array_of(tmp_path, images=np.ascontiguousarray(images)), ImageOptions())
    assert kind in there.remarks[0]
    np.testing.assert_array_equal(read(there), GREY[..., None] if kind.startswith("grey") else COLOUR)


def test_transparency_of_an_array_shows_the_background(tmp_path: Path) -> None:
    rgba = np.concatenate([COLOUR, np.zeros((5, 8, 8, 1), np.uint8)], axis=-1)
    assert (read(Array(array_of(tmp_path, images=rgba), ImageOptions(background="white"))) == 255).all()


@pytest.mark.parametrize(
    ("images", "asked", "bounds"),
    [
        (GREY, None, (0, 255)),
        (GREY.astype(np.int64), None, (0, 255)),
        (GREY > 127, None, (0, 1)),
        ((GREY > 127).astype(np.uint8), None, (0, 1)),
        (GREY / 255, None, (0, 1)),
        ((GREY / 255).astype(np.float16), None, (0, 1)),
        (GREY / 127.5 - 1, (-1.0, 1.0), (-1, 1)),
        (GREY.astype(np.float32), (0.0, 255.0), (0, 255)),
        (GREY.astype(np.uint16) * 257, (0.0, 65535.0), (0, 65535)),
    ],
)
def test_black_and_white_are_known_by_type_or_told(
    images: NDArray[Any], asked: tuple[float, float] | None, bounds: tuple[int, int], tmp_path: Path
) -> None:
    there = Array(array_of(tmp_path, images=images), ImageOptions(range=asked))
    expected = 255 * (GREY > 127) if images.dtype == bool or images.max() == 1 == images[images > 0].min() else GREY
    np.testing.assert_array_equal(read(there)[..., 0], expected)
    assert f"black is {bounds[0]} and white {bounds[1]}" in there.remarks[1]


@pytest.mark.parametrize(
    ("images", "mend"),
    [
        (GREY.astype(np.float32), r"range=\[0,255\]"),
        (GREY / 127.5 - 1, r"range=\[-1,1\]"),
        (GREY.astype(np.uint16) * 16, r"range=\[0,65535\]"),
        (GREY.astype(np.int16) - 128, r"range=\[-128,127\]"),
        (np.where(GREY > 250, np.nan, 0.5), "holds NaN or infinite values"),
        (GREY.astype(complex), "holds complex128: save it as numbers"),
        (np.zeros((5, 8, 8, 2), np.uint8), r"\(5, 8, 8, 2\) is no array of images"),
        (np.zeros((5, 8), np.uint8), r"\(5, 8\) is no array of images"),
        (np.zeros((0, 8, 8), np.uint8), "holds no images"),
        (np.array(5), r"images \(\) is no array of images"),
    ],
)
def test_an_array_that_is_no_images_is_named_with_the_mend(images: NDArray[Any], mend: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=mend):
        Array(array_of(tmp_path, images=images), ImageOptions())


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    trap = np.array([Trap()], dtype=object)
    with pytest.raises(DataError, match="images holds pickled objects, which are never unpickled"):
        Array(array_of(tmp_path, images=trap), ImageOptions())
    there = Array(array_of(tmp_path, imgs=GREY, metadata=trap), ImageOptions())
    assert len(read(there)) == 5
    assert not (tmp_path / "sprung").exists()


def test_the_array_is_the_one_named_or_asked_for_or_the_only_one(tmp_path: Path) -> None:
    both = array_of(tmp_path, a=GREY, b=COLOUR, n=np.arange(5))
    with pytest.raises(DataError, match=r"2 arrays can be the images, it holds a \(5, 8, 8\), .*array=a takes that"):
        Array(both, ImageOptions())
    with pytest.raises(DataError, match=r"has no array 'c', it holds a \(5, 8, 8\)"):
        Array(both, ImageOptions(array="c"))
    assert Array(both, ImageOptions(array="b")).channels == 3
    assert Array(array_of(tmp_path, a=GREY, images=COLOUR), ImageOptions()).array == "images"


def test_what_is_neither_a_folder_nor_an_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*nowhere: images= is a folder of PNG and JPEG files"):
        pictures(tmp_path / "nowhere", ImageOptions())
    (tmp_path / "a.npz").write_text("no archive")
    with pytest.raises(StoreError, match=r"a\.npz: it is no \.npz file; np\.savez\('mine\.npz', images=images\)"):
        pictures(tmp_path / "a.npz", ImageOptions())
    np.savez(tmp_path / "b.npz", images=np.asfortranarray(COLOUR))
    with pytest.raises(StoreError, match="images is stored by columns"):
        pictures(tmp_path / "b.npz", ImageOptions())

"""A stranger's .npz is read whole, or refused in one line that names it: never unpickled, never without a bound."""

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.store import npz
from bench.store.files import StoreError
from bench.store.npz import read_npz

CODES = np.random.default_rng(0).normal(size=(300, 4))


def header(shape: str, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def saved(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("codes.npy", content)
    return file.getvalue()


def numpy_saved(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def spoiled(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_wanted_arrays_are_those_that_numpy_wrote(tmp_path: Path, save: Callable[..., None], order: str) -> None:
    arrays = {"codes": np.array(CODES, order=order), "half": CODES.astype(np.float16), "empty": CODES[:0], "one": 3}
    save(tmp_path / "a.npz", **arrays, big=CODES)
    read, held = read_npz(tmp_path / "a.npz", arrays)
    assert held == [*arrays, "big"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == np.asarray(array).dtype


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a huge declared shape": (saved(header("(10000000000, 1000)")), "says 80,000,000,000,000 bytes, it holds 0"),
    "a shape of truth values": (saved(header("(True, 4)") + CODES[0].tobytes()), r"says the shape \(True, 4\)"),
    "a negative shape": (saved(header("(-1, -4)") + CODES[0].tobytes()), "header of codes"),
    "a header that is cut": (saved(header("(3, 4)")[:40]), "header of codes is damaged"),
    "a header of brackets": (saved(header("((((((((((") + b"\0" * 32), "header of codes is damaged"),
    "an unknown type": (saved(header("(1, 4)", "<q9") + b"\0" * 32), "header of codes is damaged"),
    "no header": (saved(b"codes" * 100), "magic string"),
    "objects": (numpy_saved(codes=np.array([{}, None], object)), "holds pickled objects"),
    "LZMA": (saved(header("(1, 4)") + b"\0" * 32, zipfile.ZIP_LZMA), "compressed as numpy never does"),
    "LZMA that is garbage": (
        spoiled(saved(header("(1, 4)") + b"\0" * 32, zipfile.ZIP_LZMA), 60), "compressed as numpy never does"),
    "a spoiled byte": (spoiled(numpy_saved(codes=CODES), 4000), "."),
    "half a file": (numpy_saved(codes=CODES)[:5000], "not a zip file"),
    "nothing": (b"", "it is no .npz file; np.savez"),
    "a csv": (b"codes,factors\n1,2\n", r"it is no \.npz file; np\.savez\('mine\.npz', codes=codes, factors=factors\)"),
    "a pickle": (pickle.dumps({"codes": CODES}), r"it is no \.npz file; np\.savez"),
    "an .npy": (header("(1, 4)") + b"\0" * 32, "it is a single array, not an .npz of several; np.savez"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_damaged_or_hostile_is_one_line_that_names_the_file(tmp_path: Path, what: str) -> None:
    content, reason = HOSTILE[what]
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"cannot read .*mine\.npz: .*{reason}") as raised:
        read_npz(path, {"codes"})
    assert "\n" not in str(raised.value)


def test_a_file_of_torch_is_told_apart(tmp_path: Path) -> None:
    import torch

    torch.save({"codes": torch.zeros(3, 2)}, tmp_path / "mine.pt")
    with pytest.raises(StoreError, match=r"mine\.pt: it is a file of torch; np\.savez"):
        read_npz(tmp_path / "mine.pt", {"codes"})


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "mine.npz")
    with pytest.raises(StoreError, match=r"mine\.npz: it is not a file"):
        read_npz(tmp_path / "mine.npz", {"codes"})


def test_an_array_that_unpacks_to_more_than_the_machine_has_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "_memory", lambda: 8 * 10_000_000)
    (tmp_path / "bomb.npz").write_bytes(numpy_saved(codes=np.zeros((2_000_000, 5), np.int8), other=np.zeros(100)))
    tracemalloc.start()
    try:
        with pytest.raises(
            StoreError, match=r"codes \(2000000, 5\) takes more than an eighth of this machine's memory"
        ):
            read_npz(tmp_path / "bomb.npz", {"codes"})
        assert list(read_npz(tmp_path / "bomb.npz", {"other"})[0]) == ["other"]
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_an_archive_that_holds_more_than_it_says_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    honest = saved(header("(1, 4)") + b"\0" * 50_000_000)
    size = struct.pack("<I", len(header("(1, 4)")) + 50_000_000)
    (tmp_path / "bomb.npz").write_bytes(honest.replace(size, struct.pack("<I", len(header("(1, 4)")) + 32)))
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match=r"bomb\.npz"):
            read_npz(tmp_path / "bomb.npz", {"codes"})
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()

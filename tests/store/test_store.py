"""Files appear whole or not at all, and what cannot be written or read is named."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.store.files import StoreError, digest, read_arrays, read_json, remove, write_arrays, write_json, writing
from bench.store.folders import Store


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})

    def tear() -> None:
        with writing(path) as file:
            file.write(b"torn")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        tear()
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]


def test_numbers_that_are_not_numbers_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", float("nan"))
    assert not os.listdir(tmp_path)


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array([1, 2]), "one": np.float32(3)}
    write_arrays(tmp_path / "x.safetensors", arrays, {"step": "7"})
    found, notes = read_arrays(tmp_path / "x.safetensors")
    assert notes == {"step": "7"}
    assert all((found[n] == a).all() and found[n].shape == np.shape(a) for n, a in arrays.items())


@pytest.mark.parametrize("read", [read_json, read_arrays])
def test_missing_and_truncated_files_are_named(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    for content in (None, b'{"a"', b"\x10\0\0"):
        if content:
            (tmp_path / "broken").write_bytes(content)
        with pytest.raises(StoreError, match=r"cannot read .*broken"):
            read(tmp_path / "broken")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file"):
        Store(tmp_path / "file" / "results", writable=True)


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    # root may write anywhere, so become somebody else
    drop = "import os; from bench.store.folders import Store; os.geteuid() == 0 and os.seteuid(65534); "
    code = f"Store({str(tmp_path / 'r')!r}, writable=True)"
    done = subprocess.run([sys.executable, "-c", drop + code], capture_output=True, text=True, check=False)
    tmp_path.chmod(0o700)
    assert "StoreError: cannot write" in done.stderr


def test_a_folder_in_which_nothing_can_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StoreError, match=rf"cannot remove {tmp_path}/runs/\.writable: Operation not permitted"):
        Store(tmp_path, writable=True)


def test_a_digest_depends_on_content_not_on_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    remove(tmp_path / "none")
    (tmp_path / "file").touch()
    remove(tmp_path / "file")
    assert not (tmp_path / "file").exists()
    (tmp_path / "link").symlink_to("link")
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "below", tmp_path / "link" / "below"):
        with pytest.raises(StoreError, match=f"cannot remove {path}: "):
            remove(path)


def test_a_command_to_copy_names_the_store_unless_it_is_the_default(tmp_path: Path) -> None:
    assert Store().command("run study=quick") == "python -m bench run study=quick"
    assert Store(tmp_path / "big disk").command("run") == f"python -m bench run results_dir='{tmp_path}/big disk'"

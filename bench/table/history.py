"""Backups of the reference table before each of the last merges, so that a merge is atomic and can be undone.

Writing the card commits a merge. Before a merge writes, it copies the present files to a backup with the next number;
then it writes the table, then the card. Until the card differs from the backup's, the merge has not happened and the
backup counts as the table. A process killed at any moment thus leaves the table before the merge or the one after it.
An undo restores the backup, the card first. `merge.json` in a backup says what was merged and, after the commit, the
checksum of the new card.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.store.files import StoreError, read_json, sha256_of, write_json
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.table.folder import read_card

KEPT = 10  # merges that can be undone
UNDONE = ".undone"  # ends the name of a backup that was restored, until it is removed


def standing(folder: TableFolder) -> TableFolder | None:
    """The folder of the table that counts: the reference folder, or its backup if a merge was not finished; or None."""
    backup = _last(folder)
    if backup is not None and _unfinished(backup, folder):
        folder = TableFolder(backup, folder.mend)
    return folder if folder.table.exists() or folder.card.exists() else None


@contextmanager
def merging(store: Store) -> Iterator[TableFolder]:
    """The reference table's folder, locked for this process.

    Raises:
        StoreError: another process merges into this store, or the folder cannot be written.
    """
    folder = store.reference()
    try:
        folder.before.mkdir(parents=True, exist_ok=True)
        with (folder.before / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
    except BlockingIOError as fault:
        raise StoreError(f"another process merges into {folder.path}: try again when it is done") from fault
    except OSError as fault:
        raise StoreError(f"cannot write {folder.before}: {fault.strerror or fault}") from fault


@contextmanager
def replacing(folder: TableFolder, note: Mapping[str, Any]) -> Iterator[None]:
    """Back a table up while a block writes another one; restore it if the block fails.

    Args:
        folder: of the reference table, held by `merging`.
        note: what is merged.
    """
    clear(folder)
    was_taken_back(folder)
    last = _last(folder)
    path = folder.before / f"{1 + int(last.name) if last else 1:06}"
    draft = path.with_name(f".{path.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir()
        _copy(folder, TableFolder(draft))
        write_json(draft / "merge.json", dict(note))
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    try:
        yield
    except BaseException:
        with suppress(StoreError, OSError):  # report the first fault; the backup counts anyway
            _restore(path, folder)
        raise
    write_json(path / "merge.json", {**note, "card": _sum(folder.card)})
    for expired in _all(folder)[:-KEPT]:
        shutil.rmtree(expired)


def clear(folder: TableFolder) -> bool:
    """Restore the table from before a merge that was killed; return whether there was one."""
    backup = _last(folder)
    if backup is None or not _unfinished(backup, folder):
        return False
    _restore(backup, folder)
    return True


def was_taken_back(folder: TableFolder) -> bool:
    """Whether an undo was killed after it had restored a backup and before it had removed it, which this does."""
    left = list(folder.before.glob(f".*{UNDONE}"))
    for backup in left:
        shutil.rmtree(backup)
    return bool(left)


def take_back(folder: TableFolder) -> dict[str, Any]:
    """Restore the files from before the last merge, to the byte; return the note on that merge.

    Raises:
        StoreError: there is none, or the table has been changed since by something else.
    """
    backup = _last(folder)
    if backup is None:
        raise StoreError(f"nothing was merged into {folder.path}: there is nothing to take back")
    note = _note(backup)
    if note.get("card", _sum(folder.card)) != _sum(folder.card) and _readable(folder):
        raise StoreError(
            f"{folder.card} is not what the last merge wrote; the files before it are in {backup}, to be copied by hand"
        )
    _restore(backup, folder)
    return note


def _all(folder: TableFolder) -> list[Path]:
    return sorted(p for p in folder.before.glob("*") if p.name.isdigit())


def _last(folder: TableFolder) -> Path | None:
    return next(iter(_all(folder)[::-1]), None)


def _note(backup: Path) -> dict[str, Any]:
    """The note on the merge that followed a backup."""
    path = backup / "merge.json"
    try:
        note = read_json(path)
        if not isinstance(note, dict) or not {"folder", "rows", "date"} <= note.keys():
            raise StoreError(f"{path} is not what a merge wrote")
    except StoreError as fault:
        raise StoreError(
            f"{fault}; without {backup.parent} the table counts as it is, and no merge can be taken back"
        ) from fault
    return note


def _unfinished(backup: Path, folder: TableFolder) -> bool:
    return "card" not in _note(backup) and _sum(TableFolder(backup).card) == _sum(folder.card)


def _readable(folder: TableFolder) -> bool:
    try:
        return bool(read_card(folder))
    except StoreError:
        return False


def _sum(path: Path) -> str | None:
    return sha256_of(path) if path.exists() else None


def _restore(backup: Path, folder: TableFolder) -> None:
    """Restore a backup and remove it; the card is restored first, from when on the backup counts."""
    write_json(backup / "merge.json", {k: v for k, v in _note(backup).items() if k != "card"})
    _copy(TableFolder(backup), folder)
    removed = backup.with_name(f".{backup.name}{UNDONE}")
    backup.rename(removed)
    shutil.rmtree(removed)


def _copy(source: TableFolder, target: TableFolder) -> None:
    """Make a folder's files those of another one, as hard links: files are replaced, never written in place."""
    for name in ("card", "table", "identities", "studies"):
        old: Path = getattr(source, name)
        new: Path = getattr(target, name)
        if not old.exists():
            new.unlink(missing_ok=True)
            continue
        second = new.with_name(f".{new.name}.kept")
        second.unlink(missing_ok=True)
        os.link(old, second)
        os.replace(second, new)
        second.unlink(missing_ok=True)  # left by `replace` if both were links to one file

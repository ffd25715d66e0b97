"""The weights of a finished run, and the checksum of them that its done.json holds."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from bench.store.files import StoreError, read_arrays, sha256_of, write_json
from bench.store.folders import RunFolder
from bench.store.record_types import DoneRecord, read_record


def write_done(folder: RunFolder, training: Mapping[str, Any]) -> None:
    """Mark a run as done: how it was trained, and the checksum of the weights that lie in its folder.

    Raises:
        StoreError: the weights cannot be read, or the record cannot be written.
    """
    write_json(folder.done, {**training, "sha256": _sha256(folder)})


def read_weights(folder: RunFolder) -> dict[str, NDArray[Any]]:
    """The weights of a run.

    Raises:
        StoreError: they cannot be read, or are not those that done.json was written for; records of earlier versions
            hold no checksum.
    """
    arrays = read_arrays(folder.weights)[0]
    recorded = None
    with suppress(StoreError):  # no record, or a damaged one, which is named where records are read
        recorded = read_record(folder.done, DoneRecord).get("sha256")
    if recorded not in (None, _sha256(folder)):
        raise StoreError(f"{folder.weights} holds other weights than {folder.done.name} was written for")
    return arrays


def _sha256(folder: RunFolder) -> str:
    try:
        return sha256_of(folder.weights)
    except OSError as fault:
        raise StoreError(f"cannot read {folder.weights}: {fault.strerror or fault}") from fault

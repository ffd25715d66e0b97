"""The compacted copy: the records of thousands of runs in few parquet files, so that a table is read in a second.

A command that may write adds a file when enough runs are new; a file is never changed. It names its runs, each with a
fingerprint of the records it was made from, so that a run whose folder has changed since is read from the folder. Many
files are merged into one. All may be deleted at any time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from bench.columns import arrow_schema, coded
from bench.progress import say, say_once
from bench.store.files import StoreError, check_regular, digest, is_out_of_reach, writing
from bench.store.folders import Listing, Store
from bench.store.record_types import REPRESENTATIONS, Id, Name, checked
from bench.table.records import SCHEMA, Damage, read_records

if TYPE_CHECKING:
    import pyarrow as pa

WORTHWHILE = 200  # runs; reading fewer from their folders is as fast
MANY = 8  # files
FORMAT = digest(["compact", 3, SCHEMA, REPRESENTATIONS])  # files of another format are not read


@dataclass(frozen=True)
class Contents:
    """The records of a store at one moment.

    Attributes:
        listings: of every run that has a folder.
        rows: as `records.read_records` gives them, of some columns.
        damaged: records that cannot be read.
    """

    listings: Mapping[str, Listing]
    rows: "pa.Table"
    damaged: Sequence[Damage]


@dataclass(frozen=True)
class _Part:
    """A file of the copy: its rows, its runs, and those of them whose folders have not changed."""

    path: Path
    fingerprints: Mapping[str, str]
    current: frozenset[str]
    rows: "pa.Table"


def contents(store: Store, columns: Sequence[str] | None = None) -> Contents:
    """Read the copy, and all other runs from their folders; in a writable store, add these to the copy if many.

    Args:
        store: whose runs.
        columns: of `records.SCHEMA`, "run" among them; None: all.
    """
    import pyarrow as pa

    listings = store.listings()
    parts = list(_parts(store, listings, columns))
    current = frozenset[str]().union(*(p.current for p in parts))
    new_listings = [listing for run, listing in listings.items() if run not in current]
    rows, damaged = read_records(store, new_listings)
    if store.writable and len(new_listings) >= WORTHWHILE:
        unread = {d.run for d in damaged}
        readable = [listing for listing in new_listings if listing.run not in unread]
        _append(store, _only(rows, (listing.run for listing in readable)) if unread else rows, readable, parts)
    rows = rows.select(columns or rows.column_names)
    tables = [table for table in (*(p.rows for p in parts), rows) if len(table)]  # a single table is not copied
    return Contents(listings, pa.concat_tables(tables) if tables else rows, damaged)


def _parts(store: Store, listings: Mapping[str, Listing], columns: Sequence[str] | None) -> Iterator[_Part]:
    """The files of the copy that can be read; each run belongs to one of them."""
    import pyarrow as pa

    assigned: set[str] = set()
    for path in sorted(store.compact.glob("*.parquet")):
        try:
            fingerprints, rows = _read(path, columns)
        except FileNotFoundError:  # merged by another process meanwhile
            continue
        except (OSError, ValueError, KeyError, pa.ArrowException) as fault:
            remade = store.writable and not is_out_of_reach(fault)
            say_once(f"{path} cannot be read and is {'made again' if remade else 'left out'}: {fault}")
            if remade:
                with suppress(OSError):
                    path.unlink()
            continue
        unchanged = (r for r, p in fingerprints.items() if r in listings and listings[r].fingerprint == p)
        current = frozenset(unchanged) - assigned
        assigned |= current
        yield _Part(path, fingerprints, current, rows if len(current) == len(fingerprints) else _only(rows, current))


def _read(path: Path, columns: Sequence[str] | None) -> tuple[dict[str, str], "pa.Table"]:
    """Run -> fingerprint, and the rows, of a file of the copy.

    Raises:
        ValueError: it is of another format, or holds what no record may.
    """
    import pyarrow.parquet as pq

    check_regular(path.stat())
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        notes = file.schema_arrow.metadata or {}
        if notes.get(b"format") != FORMAT.encode() or not file.schema_arrow.equals(arrow_schema(SCHEMA)):
            raise ValueError("it is of another version")
        rows = file.read(columns)
    fingerprints: dict[str, str] = checked(orjson.loads(notes[b"runs"]), dict[Id, str])
    for name in {"run", "model", "dataset", "metric"}.intersection(rows.column_names):
        checked(coded(rows[name])[1].tolist(), list[Name])
    if not fingerprints.keys() >= set(coded(rows["run"])[1].tolist()):
        raise ValueError("it has rows of runs that it does not name")
    return fingerprints, rows.replace_schema_metadata()


def _only(rows: "pa.Table", runs: Iterable[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    return rows.filter(pc.is_in(rows["run"], pa.array(sorted(runs), pa.string())))


def _append(store: Store, rows: "pa.Table", new_listings: Sequence[Listing], parts: Sequence[_Part]) -> None:
    """Add a file of new runs, merged with all files if there are many, else with those that are mostly out of date."""
    import pyarrow as pa

    stale = [p for p in parts if 2 * len(p.current) < len(p.fingerprints)]
    merged = parts if len(parts) >= MANY else stale
    fingerprints = {listing.run: listing.fingerprint for listing in new_listings}
    tables = [rows]
    try:
        for part in merged:
            fingerprints |= {run: part.fingerprints[run] for run in part.current}
            tables.append(_only(_read(part.path, None)[1], part.current))
        _write(store.compact / f"rows-{digest(fingerprints)}.parquet", pa.concat_tables(tables), fingerprints)
    except (StoreError, OSError, ValueError, KeyError, pa.ArrowException) as fault:
        return say(f"the compacted copy is not kept: {fault}")
    for part in merged:
        with suppress(OSError):
            part.path.unlink()


def _write(path: Path, rows: "pa.Table", fingerprints: Mapping[str, str]) -> None:
    import pyarrow.parquet as pq

    notes = {"format": FORMAT, "runs": orjson.dumps(fingerprints)}
    annotated = rows.unify_dictionaries().replace_schema_metadata(notes)
    # without statistics, which would take half of the time
    options = {"compression": "zstd", "write_page_checksum": True, "write_statistics": False}
    with writing(path) as file:
        pq.write_table(annotated, file, max(1, len(rows)), **options)  # one group of rows is read as one chunk

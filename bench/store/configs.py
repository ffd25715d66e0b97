"""The config.json of every run of a store."""

from collections.abc import Iterator
from contextlib import suppress

from bench.store.files import StoreError
from bench.store.folders import Store
from bench.store.record_types import ConfigRecord, identity, read_record


def run_configs(store: Store) -> Iterator[tuple[str, ConfigRecord]]:
    """The id and the config.json of every run of a store; other folders are left out."""
    for run in store.listings():
        with suppress(StoreError):
            config = read_record(store.run(run).config, ConfigRecord)
            if identity(config) == run:
                yield run, config

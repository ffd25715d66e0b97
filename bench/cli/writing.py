"""Where a command writes: to its store, or to a folder that it is given."""

from bench.cli.stages import STAGES
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.study.command import Settings


def store_to_write(settings: Settings) -> Store:
    """The store of a command that writes to it; with `folder=DIR` one whose views are written there, and nothing else.

    Raises:
        StoreError: the store, or the folder, cannot be written.
    """
    if (folder := settings["folder"]) is not None:
        return Store(settings["results_dir"], views=folder)
    try:
        return Store(settings["results_dir"], writable=True)
    except StoreError as fault:
        if "folder" not in STAGES[settings["stage"]].keys:
            raise
        raise StoreError(f"{fault}; folder=DIR has what {settings['stage']} makes in another place") from fault

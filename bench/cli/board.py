"""`board folder=DIR`: the public board as static pages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.progress import say, stage
from bench.store.folders import Store
from bench.table.public import public_boards, public_rows


def board(settings: Mapping[str, Any]) -> int:
    """Write the pages of the board: the reference table and every accepted submission.

    Raises:
        ConfigError: the folder holds other files.
        StoreError: a table or a submission cannot be read, or is inconsistent.
    """
    from bench.report.public_board import write_board

    with stage("board"):
        boards = public_boards(public_rows(Store(settings["results_dir"])))
        page = write_board(boards, Path(settings["folder"] or "board").expanduser())
    say(f"board: {page}, {len(boards)} boards")
    return 0

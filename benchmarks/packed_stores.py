"""Finished runs as tar files of at most 16 MB, weights in half precision: what is taken from a lent device."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from bench.store.folders import RunFolder
from bench.store.weights import write_done
from bench.values import counted

MOST_BYTES = 15_500_000


class PackedStores:
    """What of which run is packed, in FOLDER/packed.

    Args:
        folder: holds stores by name.
        say: takes a line of what was packed.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.done: set[tuple[str, str]] = set()  # runs, and what of them
        self.files = 0
        (folder / "packed").mkdir(exist_ok=True)

    def pack(self, store: str, what: str, *, last: bool = False) -> None:
        """Pack "weights" or "scores" of finished runs; a file that is not full is written only if it is the last."""
        entries: list[tuple[str, bytes]] = []
        runs: list[str] = []
        size = 0
        for done in sorted((self.folder / store / "runs").glob("*/done.json")):
            run = done.parent
            if (run.name, what) in self.done:
                continue
            if what == "weights":
                _halve(run)
            parts = _parts(run, what)
            more = sum(len(content) for _, content in parts)
            if size + more > MOST_BYTES:
                self._write(store, what, entries, runs)
                entries, runs, size = [], [], 0
            entries += parts
            runs.append(run.name)
            size += more
        if last and entries:
            self._write(store, what, entries, runs)

    def _write(self, store: str, what: str, entries: list[tuple[str, bytes]], runs: list[str]) -> None:
        part = self.folder / "packed" / f"{store}-{what}-{self.files:03d}.part"
        with tarfile.open(part, "w") as packed:
            for path, content in entries:
                info = tarfile.TarInfo(path)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
        part.rename(part.with_suffix(".tar"))
        self.files += 1
        self.done |= {(run, what) for run in runs}
        self.say(f"{part.stem}: {counted(len(runs), 'run')} packed")


def _halve(run: Path) -> None:
    """Round the weights of a finished run to half precision, which done.json then says."""
    done = json.loads((run / "done.json").read_text())
    if "weights" not in done and (file := run / "weights.safetensors").exists():
        done.pop("sha256", None)
        (run / "done.json").write_text(json.dumps(done))
        save_file({name: array.astype(np.float16) for name, array in load_file(file).items()}, file)
        write_done(RunFolder(run), done | {"weights": "rounded to half precision"})


def _parts(run: Path, what: str) -> list[tuple[str, bytes]]:
    """The files of a finished run that are "weights" or "scores", with those that say what it is."""
    kept = [run / name for name in ("config.json", "done.json", "losses.csv")]
    kept += [run / "weights.safetensors"] if what == "weights" else sorted(run.glob("scores-*.json"))
    return [(f"runs/{run.name}/{file.name}", file.read_bytes()) for file in kept if file.exists()]

"""Whether an installed package works, in about a minute: `make smoke`, or `PYTHON tests/smoke.py` with its interpreter.

From an empty folder it lists what there is, loads a model that ships, scores codes, and trains, scores and reports
models of 20 steps on a data set of its own. It needs nothing but the package, and no network.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

import bench
from bench.store.shipped import in_checkout

METRICS = ["mig", "dci", "sap", "modularity", "factor_vae_score", "linear_r2"]
STUDY = [
    "model=[beta_vae,pca]", "strength=[0]", "dataset=dots", "trainer=quick", "trainer.steps=20", "scoring=quick",
    "metric=[mig,dci,sap]", "study.name=smoke",
]  # fmt: skip


def command(folder: Path, *words: str) -> str:
    """What `python -m bench` says of some words, in a folder."""
    places = {"BENCH_DATA": str(folder / "data"), "BENCH_CARDS": str(folder / "own")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=folder, env=os.environ | places, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def dots(path: Path) -> np.ndarray:
    """Write 256 images of a dot at 8 x 8 places in 4 shades; return their factors, (256, 3)."""
    factors = np.stack(np.meshgrid(range(8), range(8), range(4), indexing="ij"), axis=-1).reshape(-1, 3)
    images = np.zeros((len(factors), 32, 32), np.uint8)
    for image, (row, column, shade) in zip(images, factors, strict=True):
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 60 * (shade + 1)
    np.savez(path, images=images, factors=factors)
    return factors


def main() -> None:
    """Try one thing after another; the first that does not work ends it with its error."""
    assert not in_checkout(), f"{bench.__file__} is of a checkout: the interpreter has to have an installed package"
    assert version("disentanglement-bench") == bench.__version__
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert bench.__version__ in command(folder, "version")
        listed = command(folder, "list", "metrics")
        assert all(metric in listed for metric in METRICS), listed
        print("names are listed")

        mean, _ = bench.load_model("beta_vae", strength=5).encode(np.zeros((3, 64, 64, 1), np.float32))
        assert np.isfinite(mean).all()
        print("a model that ships encodes images")

        factors = dots(folder / "dots.npz")
        perfect = bench.score(factors + 0.0, factors, metrics=METRICS)
        assert min(perfect["mig"], perfect["modularity"]) > 0.99, perfect
        assert len(perfect.frame()) == len(perfect) > len(METRICS)
        print("codes are scored")

        command(folder, "data", "add", "name=dots", f"images={folder / 'dots.npz'}")
        command(folder, "run", *STUDY, "results_dir=results")
        assert "nobody" not in command(folder, "watch", "study=smoke", "results_dir=results")
        command(folder, "export", "study=smoke", "results_dir=results")
        table = bench.scores(study="smoke", results_dir=folder / "results")
        assert set(table["model"]) == {"beta_vae", "pca"}
        assert set(table["metric"]) >= {"mig", "dci", "sap"}
        pages = {path.suffix for path in (folder / "results" / "studies" / "smoke").rglob("*")}
        assert pages >= {".md", ".html", ".png", ".pdf", ".csv", ".parquet"}, pages
        print("a study of two models is trained, scored, drawn and exported")


if __name__ == "__main__":
    main()

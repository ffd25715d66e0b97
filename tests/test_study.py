"""A small study from end to end: killed, continued, failed, extended, drawn."""

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench import registry
from bench.__main__ import main
from bench.scoring.runs import cell_records
from bench.store.folders import Store

pytestmark = [
    pytest.mark.usefixtures("without_workers", "without_the_shipped_table"),
    pytest.mark.long,  # left out of `make check`
]

GRID = [
    "model=[beta_vae,pca]", "strength=[0,5]", "seed=[0,1]", "dataset=dsprites", "trainer.steps=60",
    "trainer.checkpoint_every=50", "trainer.batch_size=8", "scoring.pool=1500", "scoring.num_train=400",
    "scoring.num_test=300", "scoring.options.downstream.train_sizes=[100,400]", "study.name=tiny",
    "scoring.options.downstream.num_rounds=5", "scoring.options.dci.num_rounds=5", "scoring.options.dci_es.num_trees=2",
    "scoring.options.unified.num_rounds=5", "scoring.options.strong_downstream.num_rounds=2",
    "metric=[mig,modularity,downstream,active_dims,unsupervised,udr,model_centrality,elbo]",  # some of every kind
]  # fmt: skip

OF_GROUPS, OF_MODELS = ["udr", "model_centrality"], ["elbo"]  # which a PCA does not have, or not all of


def started(results: Path, *extra: str) -> subprocess.Popen[str]:
    """The study in a process of its own, with workers, which a signal can end."""
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs are started deaf to it
    words = [sys.executable, "-m", "bench", "run", *GRID, f"results_dir={results}", *extra]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heeded)


def wait_for(process: subprocess.Popen[str], results: Path, name: str) -> None:
    """Until a file of that name is in a run's folder, or the process has ended."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None and not list(results.glob(f"runs/*/{name}")):
        time.sleep(0.05)


def perform(*words: str) -> subprocess.CompletedProcess[str]:
    """A command in this process: what it wrote, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([*words, "processes=1"])
    return subprocess.CompletedProcess(words, int(str(end.value.code)), out.getvalue(), err.getvalue())


def run(stage: str, results: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    return perform(stage, *GRID, f"results_dir={results}", *extra)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The finished study, after a kill -9 in its middle."""
    folder = tmp_path_factory.mktemp("results")
    process = started(folder, "processes=1")
    wait_for(process, folder, "done.json")
    process.kill()
    process.communicate()
    assert list(folder.glob("runs/*/done.json")), "the study got nowhere"
    finished = run("run", folder)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def table(results: Path) -> pd.DataFrame:
    return bench.scores("tiny", results)


def test_a_killed_study_is_finished_by_the_same_command(table: pd.DataFrame) -> None:
    assert table["run"].nunique() == 6
    codes = table[(table["representation"] == "mean") & ~table["metric"].isin(OF_GROUPS + OF_MODELS)]
    assert codes.groupby("run", observed=True).size().nunique() == 1
    sampled = table[table["representation"] == "sampled"]
    assert set(sampled["metric"]) == {"unsupervised"}
    assert set(sampled["model"]) == {"beta_vae"}


def test_the_table_has_its_schema(table: pd.DataFrame) -> None:
    from bench.table.stored import COLUMNS

    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert set(table["factor"].dropna()) == {"shape", "scale", "orientation", "x", "y"}
    assert set(table.loc[table["metric"] == "downstream", "num_train"]) == {400}
    assert not table["score"].isna().any()


def test_final_losses_are_scores_of_the_runs_that_have_them(results: Path, table: pd.DataFrame) -> None:
    final = table[table["metric"] == "training"].pivot(index=["model", "run"], columns="name", values="score")
    assert set(final.index.get_level_values("model")) == {"beta_vae"}
    assert (final["training_elbo"] + final["training_reconstruction"] + final["training_kl"]).abs().max() < 1e-9
    losses = pd.read_csv(Store(results).run(final.index[0][1]).losses)
    last = losses[losses["step"] > 48]
    assert final["training_kl"].iloc[0] == pytest.approx(last["kl"].mean())
    rows = table.loc[table["metric"] == "training", ["representation", "num_train"]]
    assert rows["representation"].isna().all()
    assert (rows["num_train"] == 8 * len(last)).all()


def test_an_interrupted_study_gives_the_numbers_of_an_undisturbed_one(table: pd.DataFrame, tmp_path: Path) -> None:
    for stage in ("train", "score"):
        assert run(stage, tmp_path, "model=beta_vae", "strength=5", "seed=1").returncode == 0
    again = bench.scores("tiny", tmp_path)
    (identity,) = again["run"].unique()
    key = ["name", "factor", "representation"]
    of_run = table[(table["run"] == identity) & ~table["metric"].isin(OF_GROUPS)]  # one run alone is no group
    first, second = (t.sort_values(key)["score"].to_numpy() for t in (of_run, again))
    assert (first == second).all()


def test_nothing_is_done_twice(results: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in results.glob("runs/*/*")}
    for stage in ("train", "score"):
        assert f"{stage}: nothing is missing" in run(stage, results).stderr
    assert {p: p.stat().st_mtime_ns for p in results.glob("runs/*/*")} == before


def test_pictures_and_their_numbers_are_there(results: Path) -> None:
    study = results / "studies" / "tiny"
    for stem in ("figures/fig2_metric_agreement", "figures/fig5_metrics_and_downstream",
                 "figures/fig6_efficiency_dsprites"):  # fmt: skip
        for suffix in (".pdf", ".png", ".csv"):
            assert (study / f"{stem}{suffix}").stat().st_size > 0
    for stem in ("models/dsprites_beta_vae", "models/dsprites_pca"):
        for suffix in (".png", ".gif", ".csv"):
            assert (study / f"{stem}{suffix}").stat().st_size > 0
    assert (results / "datasets" / "dsprites.png").stat().st_size > 0
    assert (study / "reproduction.md").exists()
    drawn = pd.read_csv(study / "figures" / "fig2_metric_agreement.csv")
    assert {"row", "column", "spearman", "low", "high", "runs"} <= set(drawn.columns)
    assert (drawn["runs"] == 6).all()


def test_the_drawn_correlations_can_be_recomputed_from_the_table(results: Path, table: pd.DataFrame) -> None:
    from scipy.stats import spearmanr

    drawn = pd.read_csv(results / "studies" / "tiny" / "figures" / "fig2_metric_agreement.csv")
    scores = table[table["factor"].isna() & table["representation"].eq("mean")].pivot(
        index="run", columns="name", values="score"
    )
    for line in drawn.itertuples():
        assert line.spearman == pytest.approx(spearmanr(scores[line.row], scores[line.column]).statistic)


def test_the_summary_states_the_budget(results: Path) -> None:
    text = (results / "studies" / "tiny" / "summary.md").read_text()
    assert "60 steps, 32x32 px" in text
    assert "6 runs: 6 trained here; 6 scored" in text


def test_the_leaderboard_lists_the_models_and_ranks_none_most_of_whose_runs_are_dead(results: Path) -> None:
    study = results / "studies" / "tiny"
    board = pd.read_csv(study / "leaderboard.csv").query("level == 'model' and rank_set == 'study'")
    assert sorted(board["model"]) == ["beta_vae", "pca"]
    board = board.set_index("model")
    assert board["runs"].to_dict() == {"beta_vae": 4, "pca": 2}
    assert board["dead"].to_dict() == {"beta_vae": 3, "pca": 0}
    assert board["coverage"].lt(1).to_dict() == {"beta_vae": True, "pca": False}  # most of its runs are dead
    assert board["rank"].isna().all()  # one row that is whole has no rival
    page, text = ((study / f"leaderboard.{suffix}").read_text() for suffix in ("html", "md"))
    assert "python -m bench train &#x27;model=[beta_vae,pca]&#x27;" in page
    assert "seed=[0,1]" in page
    assert str(results) not in page
    assert "60 steps, 32x32 px" in page
    assert "60 steps, 32x32 px" in text


def test_the_leaderboard_opens_in_the_browser(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda page: opened.append(page) or True)
    done = run("report", results, "model=pca", "seed=0", "study.name=opened", "--open")
    assert done.returncode == 0, done.stderr
    page = results / "studies" / "opened" / "leaderboard.html"
    assert str(page) in done.stderr
    assert opened == [page.as_uri()]


def test_status_counts(results: Path) -> None:
    text = run("status", results).stdout
    assert "6 runs" in text
    assert "beta_vae" in text


def test_a_new_metric_computes_its_own_cells_alone(results: Path) -> None:
    before = {p: p.read_bytes() for p in results.glob("runs/*/scores-*.json")}
    assert run("score", results, "+scoring.options.mig.num_bins=7", "study.name=seven").returncode == 0
    after = {p: p.read_bytes() for p in results.glob("runs/*/scores-*.json")}
    assert all(after[p] == content for p, content in before.items())
    added = [json.loads(c)["cells"] for p, c in after.items() if p not in before]
    assert len(added) == 6
    assert all([c["metric"] for c in cells] == ["mig"] for cells in added)


def test_a_run_that_fails_is_recorded_and_stops_nothing(tmp_path: Path) -> None:
    words = ["model=beta_vae", "strength=[1.0,1e39]", "seed=0", "metric=[mig,active_dims]"]
    done = run("run", tmp_path, *words)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "DivergedError" in done.stdout
    states = sorted(f.state() for f in map(Store(tmp_path).run, Store(tmp_path).listings()))
    assert states == ["done", "failed"]
    assert "not drawn" in done.stderr
    assert "train: nothing is missing" in run("train", tmp_path, *words).stderr


def test_a_run_whose_weights_are_damaged_is_named_and_stops_nothing(results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    damaged = sorted(copy.glob("runs/*/weights.safetensors"))[0]
    damaged.write_bytes(damaged.read_bytes()[:500])
    (codes,) = damaged.parent.glob("codes-*")
    codes.unlink()
    done = run("score", copy, "+scoring.options.mig.num_bins=9", "study.name=nine", "metric=mig")
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "StoreError: cannot read" in done.stdout
    assert len(list(copy.glob("runs/*/scores-*.json"))) >= 12


def test_ctrl_c_ends_the_study_and_its_workers(tmp_path: Path) -> None:
    process = started(tmp_path, "trainer.steps=100000", "model=beta_vae", "processes=2")
    wait_for(process, tmp_path, "checkpoint.safetensors")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "the same command continues" in told
    assert list(tmp_path.glob("runs/*/checkpoint.safetensors"))


def test_a_broken_metric_is_named_and_stops_nothing(
    results: Path, table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_plugin.py").write_text("this is no python\n")
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\nbroken = broken_plugin\n")
    every = set(registry.names("metrics"))
    registry.modules.cache_clear()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        done = run("score", results, "model=pca", "seed=0", "metric=all", "study.name=every")
        named = run("score", results, "metric=[broken]")
    registry.modules.cache_clear()
    assert done.returncode == 1
    (pca,) = table.loc[(table["model"] == "pca") & (table["seed"] == 0), "run"].unique()
    cells = cell_records(Store(results).run(pca)).values()
    assert {cell["metric"] for cell in cells if "failed" not in cell} == every
    assert "PluginError" not in done.stderr
    assert "metrics plug-in" in done.stdout
    assert "PluginError: the metrics plug-in 'broken'" in named.stderr


def test_several_commands_in_one_go_on_after_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = perform(
        "train", "-m", "model=random_projection", "seed=0", "dataset=dsprites,nonsense", f"results_dir={tmp_path}"
    )
    assert done.returncode == 1
    assert "unknown data set 'nonsense'" in done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"runs", "studies"}
    assert len(list(tmp_path.glob("runs/*/done.json"))) == 1


def test_a_checkpoint_alone_is_encoded_and_scored(results: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    chosen = table[(table["model"] == "beta_vae") & (table["seed"] == 1) & (table["strength_index"] == 5)]
    weights = Store(results).run(chosen["run"].iloc[0]).weights
    grid = ["model=beta_vae", "strength=5", "seed=1"]
    for stage in ("train", "score"):
        assert run(stage, tmp_path, *grid, f"+checkpoint={weights}", "metric=[mig,active_dims]").returncode == 0
    taken = bench.scores("tiny", tmp_path)
    assert set(taken["run"]).isdisjoint(table["run"])
    mig = [t.loc[t["name"] == "mig", "score"].item() for t in (chosen, taken)]
    assert mig[0] == pytest.approx(mig[1], abs=0.02)  # the same codes, other random rows
    many = run("train", tmp_path, f"checkpoint={weights}")
    assert "a checkpoint is one run's, the grid has 6" in many.stderr
    other = run("train", tmp_path, *grid, f"checkpoint={weights}", "trainer.latent_dim=7", "study.name=seven")
    assert "weights are of another architecture" in other.stderr
    weights_copy = tmp_path / "truncated.safetensors"
    weights_copy.write_bytes(weights.read_bytes()[:1000])
    torn = run("train", tmp_path, *grid, f"checkpoint={weights_copy}")
    assert "cannot read" in torn.stderr
    assert "truncated.safetensors" in torn.stderr

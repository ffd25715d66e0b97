"""Metrics of groups and of models are scored, stored, shown and failed like others, a stranger's as well.

The strangers are the examples of docs/writing_a_metric.md.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench import registry
from bench.analysis.board.leaderboard import columns, leaderboard
from bench.cli import commands
from bench.cli.closing import close
from bench.cli.dry_run import prices
from bench.cli.listing import metric_table
from bench.data import load_data
from bench.data.pooled import Pooled
from bench.launch import local
from bench.metrics.base import SkippedError
from bench.metrics.udr import udr
from bench.pool import Here
from bench.registry import PluginError
from bench.scoring import codes as coding
from bench.scoring import foreign
from bench.scoring.groups import cells_of, group_cells, groups_of
from bench.scoring.run_readers import read_run
from bench.scoring.runs import cell_records, cells
from bench.scoring.subjects import OfRun
from bench.store.files import digest, read_json
from bench.store.folders import Store
from bench.store.weights import write_done
from bench.study.given import GivenCodes
from bench.study.grid import usable
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.record import extend
from bench.study.run import Frozen, Run, Schedule
from bench.table.identities import check_identities, identities_of
from bench.table.reference import read_reference, write_reference
from bench.table.scores import plan_scores
from bench.testing import check_metric
from bench.testing.learners import QuarterCode
from bench.training.train import train
from bench.values import ConfigError

pytestmark = pytest.mark.long  # left out of `make check`

PAGE = Path(__file__).parents[1] / "docs" / "writing_a_metric.md"
EXAMPLES = {
    re.findall(r"^def (\w+)\(", text, re.MULTILINE)[0]: text
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
}
HOSTILE = """
import os, sys
import numpy as np
from bench.metrics.base import Score, SkippedError, metric

def group(function):
    return metric(version=1, reads="group", scores={"own": Score(0, 1)}, paper="")(function)

def model(function):
    return metric(version=1, reads="model", num_points=5, scores={"own": Score(0, 1)}, paper="")(function)
"""
FAILING = {
    "ends": ("group", "(codes)", "os._exit(3)", "ends: its process ended itself with exit code 3"),
    "hangs": ("group", "(codes)", "[None for _ in iter(int, 1)]", "hangs: it took longer than 2 s"),
    "one_for_all": (
        "group",
        "(codes)",
        "{'own': 0.5}",
        "one_for_all returned () values of own, not one for each of 2",
    ),
    "too_many": ("group", "(codes)", "{'own': [0.5] * 4}", "too_many returned (4,) values of own, not one for each"),
    "a_list": ("group", "(codes)", "[0.5] * 2", "a_list returned [0.5, 0.5], not a dict of score names"),
    "too_large": (
        "group",
        "(codes)",
        "{'own': [0.5, 7]}",
        "too_large returned own = 7, outside its declared range",
    ),
    "other": ("group", "(codes)", "{'other': [0.5] * 2}", "other returned 'other', which it does not declare"),
    "of_factor": ("group", "(codes)", "{'own/0': [0.5] * 2}", "returned 'own/0', and there are 0 factors"),
    "model_ends": ("model", "(model, images)", "os._exit(3)", "model_ends: its process ended itself with exit code 3"),
    "model_nan": ("model", "(model, images)", "{'own': float('nan')}", "model_nan returned own = nan, not a finite"),
}

ENDING = ("ends", "hangs", "model_ends")

SCHEDULE = Schedule(10, 8, 1e-3, 32, "small", 4, 1, "test", 10, 10)
RUN = Run("untrained_vae", 1, True, Frozen(latent_dim=4.0), None, None, None, 0, "dsprites", 1, SCHEDULE)
RUNS = tuple(replace(RUN, seed=seed) for seed in range(4))
PCA = tuple(replace(r, model="pca", hyper=Frozen(latent_dim=3.0, num_images=50.0)) for r in RUNS[:2])
PROTOCOL = Protocol("p", 300, 100, None, None, ("mean", "sampled"), (), {}, timeout=2.0)
SETTINGS: dict[str, Any] = {"retry_failed": False}
KINDS = ("mig", "udr", "model_centrality", "elbo", "found_again", "corner_error")


def plan(runs: Sequence[Run] = RUNS[:3], metrics: Sequence[str] = KINDS, **changed: Any) -> Plan:
    return Plan("tiny", "Tiny", tuple(runs), tuple(metrics), replace(PROTOCOL, **changed), SCHEDULE)


class InProcess:
    """Stands in for a pool where no metric ends its process: nothing is forked, and torch is imported once."""

    def follow(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, str, Any]]:
        for position, task in enumerate(tasks):
            yield position, "result", function(*task)


def score(whole: Plan, store: Store, part: Plan | None = None, pool: Any = InProcess(), **settings: Any) -> None:  # noqa: B008
    local.score(part or whole, store, pool, SETTINGS | settings)
    local.score_groups(part or whole, whole, store, pool, SETTINGS | settings)


def records(store: Store, run: Run | GivenCodes) -> dict[str, dict[str, Any]]:
    """Metric -> the record of its newest cell."""
    return {r["metric"]: r for r in cell_records(store.run(run.id)).values()}


def values(table: pd.DataFrame, name: str) -> dict[str, float]:
    """Run -> score."""
    rows = table[table["name"] == name]
    assert not rows.duplicated(["run", "representation"]).any()
    return dict(zip(rows["run"], rows["score"], strict=True))


@pytest.fixture(scope="module", autouse=True)
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The page's examples, one file each, and what fails, as plug-ins of another distribution, here and in workers."""
    folder = tmp_path_factory.mktemp("strangers")
    for name, text in EXAMPLES.items():
        (folder / f"{name}.py").write_text(text)
    bodies = [f"\n@{kind}\ndef {n}{takes}:\n    return {does}\n" for n, (kind, takes, does, _) in FAILING.items()]
    (folder / "unruly.py").write_text(HOSTILE + "".join(bodies))
    info = folder / "strangers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    points = [f"{n} = {n}" for n in EXAMPLES] + [f"{n} = unruly:{n}" for n in FAILING]
    (info / "entry_points.txt").write_text("[bench.metrics]\n" + "\n".join(points) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        registry.modules.cache_clear()
        yield
    registry.modules.cache_clear()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four untrained VAEs and two PCAs, encoded."""
    store = Store(tmp_path_factory.mktemp("results"), writable=True)
    for runs in (RUNS, PCA):
        assert set(train(runs, store, "cpu", lambda *_: None)) == {"done"}
    for run in (*RUNS, *PCA):
        read_run(run, [store.run(run.id)], cells(["mig"], PROTOCOL))
    return store.path


@pytest.fixture
def store(trained: Path, tmp_path: Path) -> Store:
    """A store of its own with the same runs, not yet scored."""
    shutil.copytree(trained, tmp_path / "results")
    return Store(tmp_path / "results", writable=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_page_keep_the_contract(name: str) -> None:
    check_metric(name)


def test_every_kind_is_scored_stored_and_in_the_table(store: Store) -> None:
    whole = plan()
    score(whole, store)
    table, origin = plan_scores(whole, store)
    assert origin == ""
    assert set(table["metric"]) == set(KINDS)
    for name in ("udr_lasso", "udr_spearman", "model_centrality", "elbo", "found_again", "corner_error"):
        assert values(table, name).keys() == {run.id for run in whole.runs}
    of_kinds = table[table["metric"].isin(KINDS[1:])]
    assert set(of_kinds["representation"]) == {"mean"}
    assert of_kinds.groupby("metric", observed=True)["num_train"].first().to_dict() == {
        "udr": 300, "model_centrality": 300, "elbo": 100, "found_again": 300, "corner_error": 100,
    }  # fmt: skip
    key = digest(["udr", 1, 300, sorted(run.id for run in whole.runs)])
    assert all(key in cell_records(store.run(run.id)) for run in whole.runs)
    assert set(of_kinds.loc[of_kinds["metric"] == "udr", "cell"]) == {key}
    pd.testing.assert_series_equal(
        bench.scores(results_dir=store.path).groupby("name", observed=True)["score"].sum(),
        table.groupby("name", observed=True)["score"].sum(),
    )


def test_strangers_are_listed_and_stand_on_the_board(store: Store) -> None:
    listed = "\n".join(metric_table(["found_again", "corner_error"]))
    assert "| `found_again`" in listed
    assert "lower" in listed
    score(plan(), store)
    table = plan_scores(plan(), store)[0]
    chosen = columns(table)
    assert [c.name for c in chosen] == ["mig", "corner_error", "found_again"]
    board = leaderboard(table, chosen).set_index(["representation", "model"])
    assert board.loc[("mean", "untrained_vae"), "found_again"] == pytest.approx(
        np.mean(list(values(table, "found_again").values())), abs=0.1
    )


def test_udr_is_that_of_the_mean_codes_at_images_shared_by_all_runs(store: Store) -> None:
    whole = plan(metrics=["udr"])
    score(whole, store)
    index = coding.pool(load_data("dsprites"), 300)
    codes = [coding.load(store.run(run.id), index) for run in whole.runs]
    kl = [(c.mean.astype(float) ** 2 + np.exp(c.logvar.astype(float)) - c.logvar - 1).mean(axis=0) / 2 for c in codes]  # type: ignore[union-attr]
    expected = udr([c.mean for c in codes], kl)  # type: ignore[union-attr]
    table = plan_scores(whole, store)[0]
    for name, numbers in expected.items():
        np.testing.assert_allclose([values(table, name)[run.id] for run in whole.runs], numbers, atol=1e-9)


def test_the_order_of_runs_changes_no_number_and_no_key(store: Store, trained: Path, tmp_path: Path) -> None:
    forwards = plan(metrics=["udr", "model_centrality", "found_again"])
    backwards = replace(forwards, runs=forwards.runs[::-1])
    score(forwards, store)
    shutil.copytree(trained, tmp_path / "other")
    other = Store(tmp_path / "other", writable=True)
    score(backwards, other)
    tables = [plan_scores(p, s)[0].drop(columns="seconds") for p, s in ((forwards, store), (backwards, other))]
    pd.testing.assert_frame_equal(*tables)


def test_a_group_that_grows_is_scored_again_and_tables_show_the_largest(store: Store) -> None:
    small, large = plan(RUNS[:3], ["udr"]), plan(RUNS, ["udr"])
    score(small, store)
    before = values(plan_scores(small, store)[0], "udr_lasso")
    score(large, store)
    assert len(records(store, RUNS[0])["udr"]["group"]) in (3, 4)
    after = values(plan_scores(large, store)[0], "udr_lasso")
    assert after.keys() == {run.id for run in RUNS}
    assert values(plan_scores(small, store)[0], "udr_lasso") == before  # that study is of three seeds
    assert values(bench.scores(results_dir=store.path), "udr_lasso") == after


def test_a_part_of_a_study_is_scored_in_the_group_of_the_whole(store: Store) -> None:
    whole = plan(metrics=["udr"])
    part = replace(whole, runs=whole.runs[:1])
    score(whole, store, part)
    assert values(plan_scores(whole, store)[0], "udr_lasso").keys() == {run.id for run in whole.runs}
    assert close("score", part, store, [], {}, whole=whole) == 0


def test_a_group_of_too_few_runs_and_deterministic_codes_are_reasons(store: Store) -> None:
    whole = plan([RUNS[0], *PCA], ["udr", "model_centrality", "elbo"])
    score(whole, store)
    alone, linear = records(store, RUNS[0]), records(store, PCA[0])
    reason = "compares the codes of at least 2 trained runs that differ in their seed alone"
    assert alone["udr"]["skipped"] == f"udr {reason}"
    assert alone["model_centrality"]["skipped"] == f"model_centrality {reason}"
    assert linear["udr"]["skipped"] == "udr reads the KL of each dimension, which a deterministic code has not"
    assert "values" in linear["model_centrality"]
    assert linear["elbo"]["skipped"] == "a deterministic code has no KL, and so no ELBO"
    assert close("score", whole, store, [], {}) == 0


def test_a_run_that_is_missing_is_not_waited_for(store: Store) -> None:
    store.run(RUNS[1].id).done.unlink()
    score(plan(metrics=["udr"]), store)
    table = plan_scores(plan(metrics=["udr"]), store)[0]
    assert values(table, "udr_lasso").keys() == {RUNS[0].id, RUNS[2].id}


def test_a_run_whose_weights_cannot_be_read_leaves_the_group(store: Store) -> None:
    store.run(RUNS[1].id).weights.write_bytes(b"torn")
    store.run(RUNS[1].id).codes(300).unlink()
    score(plan(metrics=["udr"]), store)
    assert store.run(RUNS[1].id).state() == "failed"
    assert values(plan_scores(plan(metrics=["udr"]), store)[0], "udr_lasso").keys() == {RUNS[0].id, RUNS[2].id}


def test_a_run_that_has_the_weights_of_another_fails_by_name_and_keeps_them(store: Store) -> None:
    folder, other = store.run(RUNS[1].id), store.run(RUNS[0].id)
    write_done(folder, read_json(folder.done))
    folder.weights.write_bytes(other.weights.read_bytes())
    folder.codes(300).unlink()
    score(plan(metrics=["mig"]), store)
    assert folder.state() == "failed"
    assert not folder.weights.exists()
    kept_files = {file.name.partition("-")[2].partition("-")[2] for file in folder.path.glob("damaged-*")}
    assert kept_files == {"weights.safetensors", "done.json"}
    assert "other weights than done.json was written for; kept as damaged-" in read_json(folder.failed)["error"]


def test_codes_that_are_gone_or_damaged_are_encoded_again(store: Store) -> None:
    score(plan(metrics=["udr"]), store)
    before = plan_scores(plan(metrics=["udr"]), store)[0]
    for run, text in zip(RUNS, (None, b"torn"), strict=False):
        file = store.run(run.id).codes(300)
        file.unlink()
        if text is not None:
            file.write_bytes(text)
        for scores in store.run(run.id).score_files():
            scores.unlink()
    score(plan(metrics=["udr"]), store)
    assert store.run(RUNS[0].id).codes(300).exists()
    after = plan_scores(plan(metrics=["udr"]), store)[0]
    pd.testing.assert_frame_equal(before.drop(columns="seconds"), after.drop(columns="seconds"))


def test_what_fails_is_recorded_in_every_run_and_costs_nothing_else(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = RUNS[:2]
    whole = plan(runs, ["mig", "udr", *FAILING])
    score(plan(runs, [name for name in FAILING if name not in ENDING]), store)
    with Here() as pool:
        score(whole, store, pool=pool)
    for run in runs:
        found = records(store, run)
        assert {name for name, record in found.items() if "failed" in record} == FAILING.keys()
        for name, (*_, reason) in FAILING.items():
            assert reason in found[name]["failed"]
    assert set(plan_scores(whole, store)[0]["metric"]) == {"mig", "udr"}
    assert close("score", whole, store, [], {}) == 1
    assert "20 failed" in capsys.readouterr().out
    assert local.unscored_groups(whole, whole, store, SETTINGS) == []
    again = local.unscored_groups(whole, whole, store, {"retry_failed": True})
    of_groups = [name for name, (kind, *_) in FAILING.items() if kind == "group"]
    assert [cell.metric for _, lacking in again for cell in lacking] == of_groups


def test_what_is_to_do_is_planned_and_counted(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    whole = plan(RUNS[:3], ["udr", "elbo"])
    settings = SETTINGS | {
        "overrides": [], "launcher": {"name": "local"}, "device": "cpu", "checkpoint": None, "study": {"name": "tiny"},
    }  # fmt: skip
    assert commands.dry_run("score", whole, store, settings) == 0
    assert re.search(r"untrained_vae.*│ 6 ", capsys.readouterr().out)
    assert commands.status(whole, store) == 0
    assert re.search(r"│ 3 +│ 0 +│ 0 +│ 0 +│ 0 +│ 0 +│ 6 ", capsys.readouterr().out)
    score(whole, store)
    assert commands.status(whole, store) == 0
    assert re.search(r"│ 3 +│ 0 +│ 0 +│ 6 +│ 0 +│ 0 +│ 0 ", capsys.readouterr().out)
    (group,) = groups_of(RUNS)
    grown = [(run, group_cells(["udr"], PROTOCOL, group)) for run in group]
    assert prices(store).score(grown) == pytest.approx(4 * prices(store).metrics["udr"])


def test_an_export_proves_its_groups_and_a_larger_one_supersedes(store: Store) -> None:
    whole = plan(metrics=["udr", "mig"])
    score(whole, store)
    table = plan_scores(whole, store)[0]
    known = identities_of(table, whole, store)
    assert known.keys() == set(table["run"]) | set(table["cell"])
    assert check_identities(known, table) == 0
    write_reference(table, whole, store, store.export("tiny"))
    read = read_reference(store.export("tiny"))[0]
    assert values(read[read["representation"] == "mean"], "udr_lasso") == values(table, "udr_lasso")


def test_options_change_the_key_of_a_group_and_of_no_other(store: Store) -> None:
    (group,) = groups_of(RUNS[:3])
    (cell,) = group_cells(["udr"], PROTOCOL, group)
    (other,) = group_cells(["udr"], replace(PROTOCOL, options={"udr": {"filter_low_kl": False}}), group)
    assert cell.key != other.key
    sizes = {"num_points": 7, "num_train": 8, "name": "q", "timeout": 9.0}
    assert group_cells(["udr"], replace(PROTOCOL, **sizes), group)[0].key == cell.key
    assert [c.metric for c in cells(["udr", "mig"], PROTOCOL)] == ["mig", "mig"]
    assert [c.representation for c in cells(["elbo"], PROTOCOL)] == ["mean"]


def test_a_member_that_is_not_trained_is_in_the_group_that_will_be() -> None:
    asked = cells_of(plan(metrics=["udr"]), lambda member: member.seed < 2)
    groups = {run.seed: asked[run.id][-1].content[3] for run in RUNS[:3]}  # type: ignore[index]
    assert groups[0] == groups[1] == sorted(run.id for run in RUNS[:2])
    assert groups[2] == sorted(run.id for run in RUNS[:3])


def test_codes_from_elsewhere_say_what_they_lack(store: Store, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(300, 3)), rng.integers(3, size=(300, 2))
    left_out = bench.score(codes, factors).skipped
    assert left_out["elbo"] == "elbo needs a trained model; these are codes without one"
    assert left_out["udr"].startswith("udr compares the codes of runs that differ in their seed alone")
    with pytest.raises(SkippedError, match="needs a trained model"):
        bench.score(codes, factors, "elbo")
    np.savez(tmp_path / "mine.npz", codes=codes, factors=factors)
    given = foreign.read(tmp_path / "mine.npz", "mine", "custom", 0)
    foreign.put(given, store)
    whole = replace(plan((), KINDS, representations=("mean",)), codes=(given.member,))
    extend(whole, store)
    score(whole, store)
    found = records(store, given.member)
    assert {name for name, record in found.items() if "skipped" in record} == set(KINDS[1:])
    assert found["corner_error"]["skipped"] == "corner_error needs a trained model; these are codes without one"
    assert found["found_again"]["skipped"].startswith("found_again compares the codes of at least 2 trained runs")


def test_a_metric_of_models_that_needs_more_factors_than_vary_says_so() -> None:
    class OneFactor(Pooled):
        def factors(self, index: Any) -> np.ndarray:
            return super().factors(index) * [0, 0, 0, 0, 1]

    (cell,) = cells(["corner_error"], PROTOCOL)
    subject = OfRun("a run", None, None, (QuarterCode(), OneFactor(load_data("dsprites"), 8)))
    with pytest.raises(SkippedError, match="corner_error needs at least 2 factors that vary, got 1"):
        subject.evaluate(cell)


def test_sampled_codes_are_not_asked_of_a_model_or_a_group() -> None:
    with pytest.raises(ConfigError, match="also_sampled holds udr, which reads a group"):
        usable(plan(metrics=["udr"], also_sampled=("udr",)), ["udr"])


def test_a_score_that_the_suite_has_is_not_declared_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = EXAMPLES["corner_error"].replace("corner_error", "mine").replace('"mine": Score', '"elbo": Score')
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    known = registry.modules("metrics")
    monkeypatch.setattr(registry, "modules", lambda kind: known | {"mine": "mine"})
    fault = registry.faults("metrics", ["elbo", "mine"])
    assert isinstance(fault["mine"], PluginError)

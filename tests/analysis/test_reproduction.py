"""Published numbers stand beside ours with a verdict, and none is passed on what cannot be compared."""

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.analysis.published.numbers import Item, items
from bench.analysis.published.reproduction import reproduce, shortfalls
from bench.scoring.runs import PUBLISHED
from bench.study.run import Run, Schedule
from bench.table.stored import COLUMNS

ITEMS = {item.name: item for item in items()}
STUDY = ITEMS["fig2"].source["study"]
SIX = ITEMS["fig2"].rows


def run(model: str, strength: int, seed: int, dataset: str, steps: int = 300_000) -> Run:
    steps = steps // 2 if model == "factor_vae" else steps
    schedule = Schedule(steps, 64, 1e-4, 64, "locatello2019", 10, 1, "published", 5000, 1000)
    return Run(
        model, 1, False, {"beta": float(strength)}, "beta", strength, float(strength), seed, dataset, 1, schedule
    )


def study(datasets: list[str], seeds: int = 50, steps: int = 300_000) -> list[Run]:
    grid = product(datasets, STUDY["models"], range(6), range(seeds))
    return [run(m, s, seed, d, steps) for d, m, s, seed in grid]


def table_of(runs: list[Run], scores: dict[str, Any]) -> pd.DataFrame:
    """A score table: each score a function of a run and its index."""
    rows = [
        {
            "run": r.id,
            "model": r.model,
            "hyperparameter": r.sweeps,
            "strength_index": r.strength_index,
            "value": r.value,
            "seed": r.seed,
            "dataset": r.dataset,
        }
        | {"schedule": r.schedule.label, "representation": "mean", "metric": "x", "version": 1, "name": name}
        | {"factor": None, "score": score(i, r), "num_train": 1, "num_test": 1, "cell": name, "seconds": 0.0}
        for i, r in enumerate(runs)
        for name, score in scores.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def noise(seed: int) -> Any:
    values = np.random.default_rng(seed).normal(size=4000)
    return lambda i, r: values[i]


def test_the_shipped_numbers_are_whole_and_sourced() -> None:
    for item in ITEMS.values():
        assert item.source["title"]
        assert item.exactness
        for matrix in item.values.values():
            assert [len(row) for row in matrix] == [len(item.columns)] * len(item.rows)
    assert len(ITEMS["fig2"].numbers()) == 15
    assert len(ITEMS["fig5"].numbers()) == 60
    assert len(ITEMS["table5"].numbers()) == 84
    fig5 = ITEMS["fig5"].numbers().set_index(["row", "column"])["published"]
    assert fig5["dci_disentanglement", "gbt_10000"] == 94
    assert fig5["sap", "gbt_efficiency"] == 49


def test_shipped_tables_agree_with_each_other() -> None:
    table5 = ITEMS["table5"].numbers().groupby("row")["published"].mean()
    means = ITEMS["table5_mean"].numbers().set_index("row")["published"]
    for row in means.index:
        assert table5[row] == pytest.approx(means[row], abs=0.6)
    for dataset, matrix in ITEMS["fig2"].values.items():
        np.testing.assert_array_equal(np.array(matrix), np.array(matrix).T, err_msg=dataset)


def test_ours_is_scipys_correlation_in_the_papers_unit() -> None:
    runs = study(["noisy_dsprites"], seeds=5)
    table = table_of(runs, {name: noise(k) for k, name in enumerate(SIX)})
    found = reproduce(ITEMS["fig2"], table, runs, PUBLISHED).set_index(["row", "column"])
    wide = table.pivot(index="run", columns="name", values="score")
    line = found.loc["mig", "sap"]
    assert line["ours"] == pytest.approx(100 * spearmanr(wide["mig"], wide["sap"]).statistic)
    assert line["difference"] == pytest.approx(line["ours"] - 42)
    assert line["low"] < line["ours"] < line["high"]
    assert (line["runs"], line["seeds"]) == (180, 5)


def test_at_the_published_budget_a_number_is_covered_or_not() -> None:
    runs = study(["cars3d"])
    medians = dict(zip(ITEMS["fig4_left"].rows, ITEMS["fig4_left"].values["cars3d"], strict=True))
    jitter = noise(0)

    def score(i: int, r: Run) -> float:
        wrong = 0.2 if r.model == "beta_vae" else 0.0
        return float(medians[r.model][r.strength_index or 0] or 0) + wrong + 0.01 * jitter(i, r)

    found = reproduce(ITEMS["fig4_left"], table_of(runs, {"factor_vae_test": score}), runs, PUBLISHED)
    verdicts = found.groupby("row")["verdict"].unique().map(list)
    assert verdicts["beta_vae"] == ["not covered"]
    assert verdicts.drop("beta_vae").to_list() == [["covered"]] * 5
    assert (found["reason"] == "").all()


@pytest.mark.parametrize(
    ("steps", "seeds", "protocol", "reason"),
    [
        (2000, 50, "published", "steps 2,000 for 300,000"),
        (300_000, 50, "quick", "scored under the quick protocol"),
    ],
)
def test_another_budget_is_not_comparable_and_shown_all_the_same(
    steps: int, seeds: int, protocol: str, reason: str
) -> None:
    runs = study(["cars3d"], seeds, steps)
    scored = dataclasses.replace(PUBLISHED, name=protocol)
    found = reproduce(ITEMS["fig3_left"], table_of(runs, {"factor_vae_test": noise(1)}), runs, scored)
    assert found["reason"].unique().tolist() == [reason]
    assert found["verdict"].unique().tolist() == ["not comparable"]
    assert found[["ours", "low", "high", "difference"]].notna().all(axis=None)


def test_too_few_seeds_for_an_interval_are_not_comparable() -> None:
    runs = study(["cars3d"], 4)
    found = reproduce(ITEMS["fig3_left"], table_of(runs, {"factor_vae_test": noise(1)}), runs, PUBLISHED)
    assert found["reason"].unique().tolist() == ["4 seeds a setting for 50"]
    assert found["ours"].notna().all()
    assert found["low"].isna().all()


def test_everything_of_the_protocol_that_differs_is_said() -> None:
    own = {"downstream": {"trees": "xgboost", "num_rounds": 50}, "mig": {"num_bins": 7}}
    protocol = dataclasses.replace(PUBLISHED, name="mine", pool=100, num_train=2000, options=own)
    assert shortfalls(study(["d"], 1), protocol, STUDY) == [
        "scored under the mine protocol", "100 images encoded for the study's", "2,000 num_train for the study's",
        "downstream with trees xgboost", "downstream with num_rounds 50", "mig with num_bins 7",
    ]  # fmt: skip
    written_out = {"downstream": {"trees": "exact", "train_sizes": [10, 100, 1_000, 10_000]}, "mig": {"num_bins": 20}}
    published = dataclasses.replace(PUBLISHED, options=written_out)
    assert shortfalls(study(["d"], 1), published, STUDY) == []


def test_another_precision_is_said() -> None:
    runs = [dataclasses.replace(r, schedule=dataclasses.replace(r.schedule, precision="tf32")) for r in study(["d"], 1)]
    assert shortfalls(runs, PUBLISHED, STUDY) == ["precision tf32 for float32"]


def test_two_studies_of_one_population_disagree_in_five_per_cent() -> None:
    """Theirs of 50 seeds, ours of 5 to 50: medians of settings, each called another or not."""
    rng, differing = np.random.default_rng(0), []
    item = ITEMS["fig4_left"]
    for seeds in (5, 10, 50) * 4:
        theirs = rng.normal(0.5, 0.01, size=(6, 6, 50))
        printed = dataclasses.replace(item, values={"cars3d": np.median(theirs, axis=2).tolist()}, tolerance=0.0)
        runs, values = study(["cars3d"], seeds), rng.normal(0.5, 0.01, size=36 * seeds)
        table = table_of(runs, {"factor_vae_test": lambda i, r, values=values: values[i]})
        verdicts = reproduce(printed, table, runs, PUBLISHED)["verdict"]
        differing.append((verdicts == "not covered").mean())
    assert 0.02 <= np.mean(differing) <= 0.08


def test_printed_shares_of_variance_are_freed_of_the_seeds_part() -> None:
    runs = study(["dsprites"], 5)
    found = reproduce(ITEMS["table5"], table_of(runs, {n: noise(k) for k, n in enumerate(SIX)}), runs, PUBLISHED)
    assert (found["published"] < found["printed"]).all()
    assert (found["printed"] - found["published"]).max() < 3


@pytest.mark.parametrize(("name", "scale"), [("fig2", np.arctanh), ("table5", lambda share: -np.log1p(-share))])
def test_the_interval_of_a_difference_is_widened_by_the_seeds_of_both_where_it_is_symmetric(
    name: str, scale: Any
) -> None:
    runs = study(["noisy_dsprites"], 5)
    noises = {n: noise(k) for k, n in enumerate(SIX)}
    scores = {n: lambda i, r, of=of: of(i, r) + (r.strength_index or 0) / 2 for n, of in noises.items()}
    found = reproduce(ITEMS[name], table_of(runs, scores), runs, PUBLISHED).dropna(subset="low")
    assert len(found) == 15 - 3 * (name == "table5")
    ours = scale(found["ours"] / 100)
    for end in ("low", "high"):
        half, widened = (scale(found[column] / 100) - ours for column in (end, f"{end}_of_difference"))
        np.testing.assert_allclose(widened, half * np.sqrt(1 + 5 / 50), atol=1e-12)


def test_printed_shares_are_freed_of_the_part_of_six_models_or_of_36_settings() -> None:
    found = reproduce(ITEMS["table5"], table_of([], {}), [], PUBLISHED).set_index(["dataset", "column", "row"])
    printed, freed = (found[name].unstack("row") / 100 for name in ("printed", "published"))
    noise_share = (1 - printed["model x strength"]) / (1800 - 36)  # of 50 seeds a setting
    for row, groups in (("model", 6), ("model x strength", 36)):
        np.testing.assert_allclose(freed[row], (printed[row] - (groups - 1) * noise_share) / (1 + noise_share))


def test_the_mean_of_table_5_is_that_of_its_cells_with_an_interval_narrower_than_theirs() -> None:
    datasets = STUDY["datasets"]
    runs = study(datasets, 5)
    noises = {n: noise(k) for k, n in enumerate(SIX)}
    table = table_of(runs, {n: lambda i, r, of=of: of(i, r) + r.value for n, of in noises.items()})
    cells = reproduce(ITEMS["table5"], table, runs, PUBLISHED).groupby("row")
    mean = reproduce(ITEMS["table5_mean"], table, runs, PUBLISHED).set_index("row")
    pd.testing.assert_series_equal(mean["ours"], cells["ours"].mean(), check_names=False)
    assert ((mean["low"] < mean["ours"]) & (mean["ours"] < mean["high"])).all()
    assert (mean["high"] - mean["low"] < (cells["high"].mean() - cells["low"].mean()) / 2).all()
    assert set(mean["runs"]) == {180 * len(datasets)}
    assert set(mean["verdict"]) <= {"covered", "not covered"}


def test_half_the_updates_are_the_published_ones_of_factor_vae_alone() -> None:
    halved = [
        r if r.model != "dip_vae_i" else run(r.model, r.strength_index or 0, r.seed, r.dataset, 150_000)
        for r in study(["d"], 1)
    ]
    assert shortfalls(study(["d"], 1), PUBLISHED, STUDY) == []
    assert shortfalls(halved, PUBLISHED, STUDY) == ["steps 150,000 for 300,000"]


def test_part_of_the_grid_is_not_the_grid() -> None:
    part = [r for r in study(["d"], 1) if r.strength_index in (0, 5)]
    others = [dataclasses.replace(part[0], model="pca", value=float(value)) for value in range(36)]
    assert shortfalls(part, PUBLISHED, STUDY) == ["12 settings for 36"]
    assert shortfalls([*part, *others], PUBLISHED, STUDY) == ["12 settings for 36"]


def test_variance_explained_and_transfer_are_of_the_same_analyses_as_the_figures() -> None:
    runs = study(["dsprites", "smallnorb"], seeds=3)
    scores = {n: lambda i, r, k=k: k + STUDY["models"].index(r.model) + 0.01 * (i % 7) for k, n in enumerate(SIX)}
    table = table_of(runs, scores)
    explained = reproduce(ITEMS["table5"], table, runs, PUBLISHED).dropna(subset="ours")
    assert len(explained) == 2 * 2 * 6
    assert explained["ours"].between(99, 100).all()
    moved = reproduce(ITEMS["table1"], table, runs, PUBLISHED)
    assert moved["ours"].between(80, 100).all()
    assert moved["reason"].str.contains("2 data sets for 7").all()


@pytest.mark.parametrize(
    ("item", "dataset", "scores", "reason"),
    [
        ("fig4_left", "dsprites", ["factor_vae_test"], "there are no scores on cars3d"),
        ("fig5", "dsprites", ["mig"], "the table lacks the scores"),
        ("fig2", "noisy_dsprites", ["mig"], "the table lacks the scores"),
        ("infogan_cr_table3", "dsprites", ["mig"], "it is not computed here"),
        ("table5_mean", "dsprites", [n for n in SIX if n != "sap"], "the table lacks sap"),
    ],
)
def test_what_is_missing_is_said(item: str, dataset: str, scores: list[str], reason: str) -> None:
    runs = study([dataset], 1)
    found = reproduce(ITEMS[item], table_of(runs, {n: noise(2) for n in scores}), runs, PUBLISHED)
    assert len(found) == len(ITEMS[item].numbers())
    assert found["ours"].isna().all()
    assert found["reason"].unique().tolist() == [reason]
    assert found["verdict"].unique().tolist() == ["not comparable"]


def test_what_a_constant_score_leaves_undefined_is_said() -> None:
    runs = study(["noisy_dsprites"], 5)
    scores = {n: noise(k) for k, n in enumerate(SIX)} | {"mig": lambda i, r: 0.25}
    table = table_of(runs, scores)
    for name, undefined in (("fig2", 5), ("table5", 2), ("table5_mean", 2)):
        found = reproduce(ITEMS[name], table, runs, PUBLISHED)
        found = found[found["dataset"].isin(["noisy_dsprites", "all"])]
        said = found.loc[found["ours"].isna(), "reason"]
        assert said.tolist() == ["a score is the same in all of its runs"] * undefined


def test_one_seed_is_one_seed_whoever_printed_the_number() -> None:
    runs = [dataclasses.replace(r, value=10.0) for r in study(["dsprites"], 1) if r.model == "factor_vae"]
    table = table_of(runs[:1], {"mig": lambda i, r: 0.4})
    found = reproduce(ITEMS["infogan_cr_table1"], table, runs[:1], PUBLISHED).dropna(subset="ours")
    assert found["reason"].str.endswith("; 1 seed a setting for 5").all()


def test_of_two_precisions_the_one_that_differs_is_said() -> None:
    whole = study(["d"], 2)
    mixed = [r if r.seed else dataclasses.replace(r, schedule=dataclasses.replace(r.schedule, precision="tf32"))
             for r in whole]  # fmt: skip
    assert shortfalls(mixed, PUBLISHED, STUDY) == ["precision tf32 for float32"]


def test_an_empty_table_has_nothing_beside_any_number() -> None:
    for item in ITEMS.values():
        found = reproduce(item, table_of([], {"mig": noise(0)}), [], PUBLISHED)
        assert found["ours"].isna().all()


def test_models_outside_the_study_do_not_count_towards_its_numbers() -> None:
    runs = study(["noisy_dsprites"], 2)
    others = [dataclasses.replace(r, model="pca") for r in runs[:30]]
    found = reproduce(
        ITEMS["fig2"], table_of([*runs, *others], {n: noise(4) for n in SIX}), [*runs, *others], PUBLISHED
    )
    assert set(found["runs"]) == {72}


def test_a_paper_with_a_schedule_of_its_own_is_never_comparable() -> None:
    runs = [dataclasses.replace(r, value=10.0) for r in study(["dsprites"]) if r.model == "factor_vae"]
    found = reproduce(ITEMS["infogan_cr_table1"], table_of(runs, {"mig": lambda i, r: 0.4}), runs, PUBLISHED)
    line = found[(found["row"] == "FactorVAE(10)") & (found["column"] == "mig")].iloc[0]
    assert (line["published"], line["ours"]) == (0.40, pytest.approx(0.4))
    assert "another schedule" in line["reason"]


def test_an_item_is_its_matrix() -> None:
    item = Item("i", "t", "w", {}, "printed", "q", 1, 0.1, ("a", "b"), ("c",), {"d": [[1.0], [None]]})
    assert item.numbers().to_dict("records") == [
        {"item": "i", "dataset": "d", "row": "a", "column": "c", "published": 1.0}
    ]

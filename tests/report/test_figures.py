"""Every figure is drawn from what a table has, says what stands behind it, and says why where it is not drawn."""

import io
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import false_discovery_control

from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.analysis.scores.transfer import complete_grid, transfer
from bench.columns import COLUMNS
from bench.pool import Here
from bench.report.figures import DATASET_FIGURES, FIGURES, _rows, draw_all
from bench.report.figures.heatmaps import CORRELATION, heatmaps
from bench.report.figures.panels import Drawn, panel_grid, sizes_of, standing
from bench.testing.synthetic import SCORES, SyntheticScore, synthetic_table
from benchmarks.analysis import main as benchmark

pytestmark = pytest.mark.long  # left out of `make check`

SCHEDULES = "made up: 7 steps"
DATASETS = ("dsprites", "noisy_dsprites")
KEPT = ("mig", "dci_disentanglement", "lr_100", "lr_1000", "lr_efficiency", "elbo", "gaussian_total_correlation",
        "mutual_information")  # fmt: skip
DRAWINGS: dict[str, Callable[[pd.DataFrame], Drawn]] = {
    **{name: partial(_draw, schedules=SCHEDULES) for name, _draw in FIGURES.items()},
    **{name: partial(_draw, dataset="dsprites", schedules=SCHEDULES) for name, _draw in DATASET_FIGURES.items()},
}


@cache
def drawn_whole(name: str) -> Drawn:
    """A figure of the made-up study."""
    return DRAWINGS[name](made())


def made(seeds: int = 5, models: tuple[str, ...] = ("beta_vae", "dip_vae_i")) -> pd.DataFrame:
    return made_once(seeds, models).copy()


@cache
def made_once(seeds: int, models: tuple[str, ...]) -> pd.DataFrame:
    scores = {n: SCORES[n] for n in KEPT} | {"irs": SyntheticScore("irs", 0.3)}
    rng = np.random.default_rng(0)
    table = synthetic_table(rng, datasets=DATASETS, models=models, strengths=3, seeds=seeds, scores=scores)
    return table.assign(schedule="published: 300,000 steps, 64x64 px")


def said(figure: object) -> str:
    return " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))  # type: ignore[attr-defined]


def words_or_reason(name: str, table: pd.DataFrame) -> str:
    try:
        return said(DRAWINGS[name](table)[0])
    except TooFewRunsError as reason:
        return str(reason)


def test_seeds_are_said_from_the_fewest_to_the_most_of_a_setting() -> None:
    runs = pd.DataFrame({"run": [*"aabcd"], "dataset": "x", "model": [*"mmmmn"], "value": [1.0, 1.0, 1.0, 2.0, None]})
    assert sizes_of(runs) == "4 runs, 1 to 2 seeds a setting: too few to be sure"
    codes = pd.DataFrame({"run": [*"abc"], "dataset": "x", "model": "mine", "value": None, "strength_index": range(3)})
    assert sizes_of(codes) == "3 runs, 1 seed a setting: too few to be sure"
    assert standing(20, 5, most=10) == "20 runs, 5 to 10 seeds a setting"
    assert standing(20, 1, most=1) == "20 runs, 1 seed a setting: too few to be sure"


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_states_its_budget_runs_and_seeds_and_has_its_numbers(name: str) -> None:
    figure, drawn = drawn_whole(name)
    words = said(figure)
    assert SCHEDULES in words
    assert "seeds" in words
    assert not drawn.empty
    assert not drawn.select_dtypes("number").drop(columns=["q"], errors="ignore").isna().all().any()


@pytest.mark.parametrize("name", DRAWINGS)
def test_an_empty_table_is_a_reason_not_to_draw(name: str) -> None:
    with pytest.raises(TooFewRunsError, match=r"\w{3,}"):
        DRAWINGS[name](made().iloc[:0])


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_poor_table_is_drawn_or_refused_but_breaks_nothing(name: str) -> None:
    poor = made(seeds=1, models=("beta_vae",))
    poor.loc[poor["name"] == "mig", "score"] = 0.25
    holes = poor[~((poor["name"] == "dci_disentanglement") & (poor["strength_index"] == 1))]
    words = words_or_reason(name, holes)
    assert "1 seed a setting: too few" in words or re.search("needed|no |lacks", words)


def test_a_correlation_with_a_constant_score_has_no_number() -> None:
    table = made()
    table.loc[(table["name"] == "mig"), "score"] = 0.25
    figure, drawn = DRAWINGS["fig2_metric_agreement"](table)
    assert [t.get_text() for t in figure.axes[0].texts] == ["100"]
    assert drawn["spearman"].isna().sum() == 2 * 3


def test_the_paper_s_metrics_have_a_figure_and_all_of_the_suite_another_with_the_same_numbers() -> None:
    papers, every = (drawn_whole(f"fig2_metric_agreement{suffix}")[1] for suffix in ("", "_all"))
    assert set(papers["row"]) == {"mig", "dci_disentanglement"}
    assert set(every["row"]) == {"mig", "dci_disentanglement", "irs"}
    key = ["dataset", "row", "column"]
    papers, every = (cells.set_index(key) for cells in (papers, every))
    same = papers.columns.drop("q")  # false discovery rates are over the cells of each figure
    pd.testing.assert_frame_equal(papers[same], every.loc[papers.index, same])
    once = papers[[row < column for _, row, column in papers.index]]
    np.testing.assert_allclose(once["q"], false_discovery_control(once["p"]))


@pytest.mark.parametrize("name", ["fig2_metric_agreement", "fig5_metrics_and_downstream", "fig6_efficiency",
                                  "table5_variance_explained"])  # fmt: skip
def test_runs_that_lack_a_score_that_is_not_shown_stay(name: str) -> None:
    table = made()
    holes = table[~(table["name"].eq("irs") & table["seed"].eq(0))]
    whole, found = (DRAWINGS[name](rows) for rows in (table, holes))
    pd.testing.assert_frame_equal(whole[1], found[1])
    assert (DRAWINGS[f"{name}_all"](holes)[1]["runs"] < whole[1]["runs"].min()).all()


def test_settings_are_transferred_between_the_paper_s_metrics_and_between_all_of_the_suite_in_another_figure() -> None:
    for suffix, names in (("", ["mig", "dci_disentanglement"]), ("_all", ["mig", "dci_disentanglement", "irs"])):
        drawn = drawn_whole(f"table1_transfer_of_settings{suffix}")[1]
        pd.testing.assert_frame_equal(drawn, transfer(complete_grid(wide(made()), names)))


def test_without_metrics_beside_the_paper_s_there_is_no_figure_of_all() -> None:
    table = made()
    with pytest.raises(TooFewRunsError, match="no disentanglement metrics besides the paper's"):
        DRAWINGS["fig4_scores_and_strength_all"](table[table["name"] != "irs"])


def test_a_cell_of_a_heat_map_holds_its_own_text_and_weight_in_whatever_order_the_cells_come() -> None:
    cells = pd.DataFrame({"row": list("abba"), "column": list("xyxy"), "spearman": [0.1, 0.2, np.nan, 0.4]})
    cells = cells.assign(q=[0.001, 0.5, np.nan, 0.001], seeds=5, text=["ax", "by", "bx", "ay"], panel="")
    figure = heatmaps(cells, "panel", CORRELATION, (str, str, str))
    texts = {t.get_text(): (t.get_position(), t.get_weight()) for t in figure.axes[0].texts}
    assert texts == {"ax": ((0.5, 0.5), "bold"), "by": ((1.5, 1.5), "normal"), "ay": ((1.5, 0.5), "bold")}


def test_the_places_of_a_grid_are_filled_and_one_left_over_takes_the_legend() -> None:
    for count, across, left_over in ((1, 1, 0), (4, 4, 0), (5, 3, 1), (6, 3, 0), (7, 4, 1), (8, 4, 0), (9, 3, 0)):
        _, axes, hole = panel_grid(count, 1.0)
        grid = axes[0].get_gridspec()
        assert (grid.ncols, grid.ncols * grid.nrows - count, hole is not None) == (across, left_over, left_over > 0)


def test_the_mutual_information_of_sampled_codes_has_a_scale_of_its_own() -> None:
    table = made()
    table.loc[table["representation"].eq("mean") & table["name"].eq("mutual_information"), "score"] *= 100
    sampled, mean = DRAWINGS["fig27_mutual_information"](table)[0].axes[:2]
    assert mean.get_ylim()[1] > 20 * sampled.get_ylim()[1]


def test_total_correlation_needs_both_representations() -> None:
    table = made()
    for name in ("fig1_total_correlation", "fig10_total_correlation_scatter", "fig27_mutual_information"):
        with pytest.raises(TooFewRunsError, match="of sampled codes is not in the table: score with"):
            DRAWINGS[name](table[table["representation"] != "sampled"])


def test_every_figure_is_a_pdf_a_png_and_a_csv_and_stale_ones_go(tmp_path: Path) -> None:
    table = made(models=("beta_vae", "dip_vae_i"))
    plan = SimpleNamespace(members=[SimpleNamespace(dataset="dsprites")], runs=(), schedules=SCHEDULES, name="mine")
    few = {n: d for n, d in FIGURES.items() if n in ("fig2_metric_agreement", "table5_variance_explained")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.report.figures.FIGURES", few)
        patch.setattr("bench.report.figures.DATASET_FIGURES", {})
        outcomes = list(draw_all(table, plan, tmp_path, Here()))  # type: ignore[arg-type]
        assert [o.state for o in outcomes] == ["drawn", "drawn"]
        for name in few:
            for suffix in ("pdf", "png", "csv"):
                assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 0
        outcomes = list(draw_all(table[table["model"] == "beta_vae"], plan, tmp_path, Here()))  # type: ignore[arg-type]
    assert str(outcomes[1]).startswith("table5_variance_explained: not drawn: dsprites: 1 model")
    assert not list(tmp_path.glob("figures/table5*"))


def test_a_figure_that_fails_ends_none_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(table: pd.DataFrame, schedules: str) -> Drawn:
        raise ZeroDivisionError("no points")

    kept = {n: FIGURES[n] for n in ("fig2_metric_agreement",)}
    monkeypatch.setattr("bench.report.figures.FIGURES", {"faulty": faulty} | kept)
    monkeypatch.setattr("bench.report.figures.DATASET_FIGURES", {})
    plan = SimpleNamespace(name="mine", schedules="a schedule", members=[], runs=())
    faulty_one, other = draw_all(made(), plan, tmp_path, Here())  # type: ignore[arg-type]
    assert re.fullmatch(r"faulty: FAILED: ZeroDivisionError: no points \(test_figures.py, line \d+\)", str(faulty_one))
    assert other.picture == tmp_path / "figures" / "fig2_metric_agreement.png"
    assert other.picture.exists()


def states(table: pd.DataFrame, plan: SimpleNamespace, folder: Path) -> dict[str, str]:
    return {o.name: o.state for o in draw_all(table, plan, folder, Here())}  # type: ignore[arg-type]


def test_figures_are_drawn_again_where_their_scores_changed_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.figures.FIGURES", {"seeds_needed": FIGURES["seeds_needed"]})
    by_dataset = {"fig3_scores_by_model": DATASET_FIGURES["fig3_scores_by_model"]}
    monkeypatch.setattr("bench.report.figures.DATASET_FIGURES", by_dataset)
    members = [SimpleNamespace(dataset=d) for d in DATASETS]
    plan = SimpleNamespace(name="mine", schedules=SCHEDULES, members=members, runs=())
    table = made().reindex(columns=list(COLUMNS)).astype(COLUMNS)
    one, other = (f"fig3_scores_by_model_{d}" for d in DATASETS)
    assert set(states(table, plan, tmp_path).values()) == {"drawn"}
    assert set(states(table.assign(seconds=7.0), plan, tmp_path).values()) == {"unchanged"}
    table.loc[table["dataset"].eq(DATASETS[1]) & table["seed"].eq(4), "score"] *= 0.5
    assert states(table, plan, tmp_path) == {"seeds_needed": "drawn", one: "unchanged", other: "drawn"}
    mine = table[table["run"].eq(table["run"].iloc[0])].assign(
        run="mine", model="mine", value=np.nan, strength_index=pd.NA
    )
    more = pd.concat([table, mine], ignore_index=True).astype(COLUMNS)
    assert set(mine["dataset"]) == {DATASETS[0]}
    assert states(more, plan, tmp_path) == {"seeds_needed": "drawn", one: "drawn", other: "unchanged"}
    plan.schedules = "another schedule"
    assert set(states(table, plan, tmp_path).values()) == {"drawn"}


@pytest.mark.parametrize("name", DATASET_FIGURES)
def test_a_figure_of_a_data_set_is_the_same_without_the_scores_of_others(name: str) -> None:
    (whole, numbers), (alone, same) = drawn_whole(name), DRAWINGS[name](rows_of(made()))
    pd.testing.assert_frame_equal(numbers.reset_index(drop=True), same.reset_index(drop=True))
    assert pages(whole) == pages(alone)


def rows_of(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a figure of dSprites is given."""
    return _rows(table.assign(score=table["score"].where(table["dataset"].eq("dsprites"), 0.5)), "dsprites")


def pages(figure: Figure) -> bytes:
    page = io.BytesIO()
    figure.savefig(page, format="pdf", metadata={"CreationDate": None})
    return page.getvalue()


def with_dead(table: pd.DataFrame, runs: list[str]) -> pd.DataFrame:
    """The table with active dimensions of each run: none of those given."""
    dims = table[table["name"] == "mig"].assign(name="active_dims", metric="active_dims")
    return pd.concat([table, dims.assign(score=np.where(dims["run"].isin(runs), 0.0, 6.0))], ignore_index=True)


WITH_BOTH = ("fig2_metric_agreement", "fig5_metrics_and_downstream", "fig6_efficiency")


@pytest.mark.parametrize("name", WITH_BOTH)
def test_correlations_with_and_without_dead_runs_are_both_in_the_csv_and_the_caption_says_how_they_differ(
    name: str,
) -> None:
    table = made()
    dead = table.query("dataset == 'dsprites' and strength_index == 2 and model == 'beta_vae'")["run"].unique().tolist()
    figure, drawn = DRAWINGS[name](with_dead(table, dead))
    _, without = DRAWINGS[name](table[~table["run"].isin(dead)])
    pd.testing.assert_series_equal(drawn["spearman"], drawn_whole(name)[1]["spearman"])
    pair = [c for c in ("dataset", "row", "column", "x_name", "y_name") if c in drawn]
    here, alone = (d[d["dataset"] == "dsprites"].drop_duplicates(pair).set_index(pair) for d in (drawn, without))
    np.testing.assert_array_equal(here["spearman_alive"], alone["spearman"])
    assert set(here["runs_alive"]) == {25}
    caption = figure.caption
    assert "dSprites: 5 runs are dead (no active dimension): β-VAE" in caption
    assert "Without them correlations move by up to" in caption
    assert "Noisy-dSprites: " not in caption


def test_a_correlation_without_an_interval_has_no_brackets() -> None:
    titles = [ax.get_title() for ax in DRAWINGS["fig11_metric_pairs"](made(seeds=3))[0].axes if ax.get_title()]
    assert titles and not any("[" in t or "nan" in t for t in titles)  # noqa: PT018


def test_every_figure_names_its_dead_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = made()
    dead = table.query("dataset == 'dsprites' and strength_index == 2 and seed == 3")["run"].unique().tolist()
    plan = SimpleNamespace(
        members=[SimpleNamespace(dataset=d) for d in DATASETS], runs=(), schedules=SCHEDULES, name="mine"
    )
    few = ("fig2_metric_agreement", "fig16_unsupervised_and_metrics", "fig3_scores_by_model")
    for kind, every in (("FIGURES", FIGURES), ("DATASET_FIGURES", DATASET_FIGURES)):
        kept = {name: drawing for name, drawing in every.items() if name in few}
        monkeypatch.setattr(f"bench.report.figures.{kind}", kept)
    list(draw_all(with_dead(table, dead), plan, tmp_path, Here()))  # type: ignore[arg-type]
    said = {path.stem: path.read_text() for path in (tmp_path / "figures").glob("*.txt")}
    counts = {name: text.count("2 runs are dead (no active dimension): β-VAE") for name, text in said.items()}
    assert counts == {few[0]: 1, few[1]: 1, f"{few[2]}_dsprites": 1, f"{few[2]}_noisy_dsprites": 0}


def test_the_benchmark_of_the_figures_draws_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.report.figures.FIGURES", {"fig2_metric_agreement": FIGURES["fig2_metric_agreement"]})
    monkeypatch.setattr("bench.report.figures.DATASET_FIGURES", {})
    benchmark(["--datasets", "1", "--seeds", "2", "--scores", "30", "--processes", "1"])
    said = capsys.readouterr().out
    assert "72 runs x 30 scores" in said
    assert re.search(r"fig2_metric_agreement: drawn\nall figures: [\d.]+ s, 1 at a time, [\d.]+ s of the CPU", said)


@pytest.mark.parametrize("name", WITH_BOTH)
def test_where_no_run_is_dead_nothing_is_said_and_both_numbers_are_the_same(name: str) -> None:
    figure, drawn = drawn_whole(name)
    pd.testing.assert_series_equal(drawn["spearman_alive"], drawn["spearman"], check_names=False)
    assert "dead" not in figure.caption


@pytest.mark.parametrize("name", WITH_BOTH)
def test_where_all_runs_are_dead_the_published_numbers_stand_alone(name: str) -> None:
    table = made()
    figure, drawn = DRAWINGS[name](with_dead(table, list(table["run"].unique())))
    assert drawn["spearman"].notna().any()
    assert drawn["spearman_alive"].isna().all()
    assert "30 runs are dead" in figure.caption
    assert "too few runs are left" in figure.caption


@pytest.mark.parametrize("name", ["fig1_total_correlation", "fig4_scores_and_strength"])
def test_the_axis_of_one_model_has_its_hyperparameter_and_the_index_is_for_several(name: str) -> None:
    one, _ = DRAWINGS[name](made(models=("beta_vae",)))
    assert {ax.get_xlabel() for ax in one.axes} <= {"beta", ""}
    assert one.axes[0].get_xlabel() == "beta" or one.axes[3].get_xlabel() == "beta"
    assert [t.get_text() for t in one.axes[0].get_xticklabels()] == ["1", "2", "3"]  # the values made up
    assert "indices" not in one.caption
    two, _ = drawn_whole(name)
    assert {ax.get_xlabel() for ax in two.axes} <= {"strength index", ""}
    assert [t.get_text() for t in two.axes[0].get_xticklabels()] == ["0", "1", "2"]
    assert "β-VAE beta 1, 2, 3 (0, 1, 2); DIP-VAE-I lambda_od 1, 2, 3 (0, 1, 2)" in two.caption


def test_settings_side_by_side_have_their_values_above_their_hyperparameter() -> None:
    figure, drawn = drawn_whole("fig14_scores_by_strength")
    assert [t.get_text() for t in figure.axes[-1].get_xticklabels()] == ["1", "2", "3"] * 2
    assert [t.get_text() for t in figure.axes[-1].get_xticklabels(minor=True)] == [
        "β-VAE\nbeta",
        "DIP-VAE-I\nlambda_od",
    ]
    assert {"hyperparameter", "strength_index", "value"} <= set(drawn)

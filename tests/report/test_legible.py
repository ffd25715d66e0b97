"""Every figure is as wide as a column or a page; each of its texts can be read there: none is small, cut or covered."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from numpy.typing import NDArray

from bench import registry
from bench.analysis.published.numbers import Item, items
from bench.analysis.scores.agreement import TooFewRunsError
from bench.conventions import CONVENTIONS
from bench.report.choice import chosen_runs, regret_figure
from bench.report.comparison import KINDS, comparison_figure
from bench.report.figures import DATASET_FIGURES, FIGURES
from bench.report.figures.panels import Drawn, looks_of
from bench.report.questions import QUESTIONS, conventions
from bench.report.reproduction import reproduction_figure
from bench.report.style import COLUMN, NOTE, PAGE, Picture, new_figure, titled
from bench.store.folders import Store
from bench.testing.synthetic import SCORES, SyntheticScore, synthetic_table

MODELS = ("beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii")
MORE = {"irs": SyntheticScore("irs", 0.3, 0.2, 0.9), "explicitness_test": SyntheticScore("explicitness", 0.7, 0.7, 0.8)}
QUICK = (
    "fig1_total_correlation", "fig2_metric_agreement", "fig3_scores_by_model", "fig4_scores_and_strength",
    "fig6_efficiency", "box_plots", "fig18_datasets_scatter", "fig24_unsupervised_and_downstream",
    "table1_transfer_of_settings",
)  # fmt: skip
SCHEDULES = "quick: 2,000 steps, 32x32 px (factor_vae: 1,000 steps, 32x32 px)"
TOLERANCE = 0.6 / 72  # inches by which the boxes of two texts, which are larger than their letters, may overlap
DRAWINGS: dict[str, Callable[[pd.DataFrame], Drawn]] = {
    **{name: partial(draw, schedules=SCHEDULES) for name, draw in FIGURES.items()},
    **{name: partial(draw, dataset="dsprites", schedules=SCHEDULES) for name, draw in DATASET_FIGURES.items()},
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A study as large as the reference table: two data sets, six models, every kind of score."""
    rng = np.random.default_rng(0)
    datasets = ("dsprites", "noisy_dsprites")
    made = synthetic_table(rng, datasets=datasets, models=MODELS, seeds=5, explained=0.5, scores={**SCORES, **MORE})
    return made.assign(schedule="published: 300,000 steps, 64x64 px")


def faults(figure: Picture) -> list[str]:
    """What cannot be read on a figure printed at its size, in words."""
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = {text: box(text) for text in shown(figure)}
    found = []
    if figure.get_figwidth() not in (COLUMN, PAGE):
        found.append(f"it is {figure.get_figwidth():.2f} in wide")
    if figure.texts[0].get_text().count("\n") > 1:
        found.append("its heading has more than two lines")
    for text, corners in boxes.items():
        if "$" in text.get_text():
            found.append(f"{text.get_text()!r} has parts that are smaller")
        if text.get_fontsize() < NOTE:
            found.append(f"{text.get_text()!r} is set in {text.get_fontsize():g} pt")
        if (corners < -0.5).any() or (corners > np.array([width, height]) + 0.5).any():
            found.append(f"{text.get_text()!r} is cut by the edge")
    for (a, first), (b, second) in combinations(boxes.items(), 2):
        if overlap(first, second, TOLERANCE * figure.dpi):
            found.append(f"{a.get_text()!r} and {b.get_text()!r} overlap")
    for ax in figure.axes:
        if ax.axison and ax.get_legend() is not None:
            found.append(f"a legend lies on the data of {ax.get_title()!r}")
    return found


def shown(figure: Picture) -> Iterator[Text]:
    """The texts that are drawn."""
    hidden: set[Text] = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            drawn = {t.label1 for t in axis._update_ticks() if t.label1.get_visible()} if ax.axison else set()
            hidden |= set(axis.findobj(Text)) - drawn - ({axis.label, axis.offsetText} if ax.axison else set())
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text not in hidden and text.get_visible() and text.get_text().strip():
            yield text


def box(text: Text) -> NDArray[np.float64]:
    """The corners (4, 2) of a text in dots, around."""
    angle = text.get_rotation()
    leans = text.get_rotation_mode() == "anchor"
    assert leans or angle % 90 == 0, f"{text.get_text()!r} leans about no point of its own"
    text.set_rotation(0 if leans else angle)
    x0, y0, x1, y1 = text.get_window_extent().extents
    text.set_rotation(angle)
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if not leans:
        return corners
    anchor, turn = text.get_transform().transform(text.get_position()), np.radians(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return anchor + (corners - anchor) @ matrix.T


def overlap(first: NDArray[np.float64], second: NDArray[np.float64], tolerance: float) -> bool:
    """Whether two rectangles share more than a strip as thin as the tolerance: no side of either parts them."""
    for corners in (first, second):
        for side in (corners[1] - corners[0], corners[3] - corners[0]):
            along = side / (np.linalg.norm(side) or 1)
            a, b = first @ along, second @ along
            if min(a.max(), b.max()) - max(a.min(), b.min()) <= tolerance:
                return False
    return True


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in DRAWINGS])
def test_every_text_of_a_figure_can_be_read(name: str, table: pd.DataFrame) -> None:
    assert faults(DRAWINGS[name](table)[0]) == []


def test_long_names_below_settings_take_no_height_from_the_panels(table: pd.DataFrame) -> None:
    models = {m: f"{m} on the recombination to element split" for m in MODELS}
    figure, _ = DRAWINGS["fig14_scores_by_strength"](table.assign(model=table["model"].map(models)))
    assert faults(figure) == []


def test_names_too_long_for_a_matrix_lose_their_middle() -> None:
    few = synthetic_table(np.random.default_rng(0), models=MODELS[:2], strengths=3, seeds=2)
    name = "My_Very-Long.Name_of_a_model_trained-on-200_epochs_v2.1"
    figure, numbers = DRAWINGS["probability_of_beating"](
        few.assign(model=few["model"].astype(str).replace("beta_vae", name))
    )
    assert faults(figure) == []
    assert any(t.get_text().startswith("My_Very") and t.get_text().endswith("_v2.1") for t in shown(figure))
    assert name in set(numbers["row"])


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_small_study_can_be_read_too(name: str) -> None:
    few = synthetic_table(np.random.default_rng(0), models=MODELS[:2], strengths=3, seeds=2, scores={**SCORES, **MORE})
    try:
        figure, _ = DRAWINGS[name](few)
    except TooFewRunsError:
        return
    assert faults(figure) == []


@pytest.mark.parametrize("item", items(), ids=lambda item: item.name)
def test_every_text_of_a_reproduction_can_be_read(item: Item) -> None:
    numbers = item.numbers()
    spread = numbers["published"].abs().mean() / 10
    low = numbers["published"] - spread / 2
    ours = {"ours": low + spread, "low": low, "high": low + 2 * spread}
    ours |= {"low_of_difference": low, "high_of_difference": low + 2 * spread}
    numbers = numbers.assign(**ours, runs=180, seeds=5, verdict="covered", reason="")
    assert faults(reproduction_figure(item, numbers, SCHEDULES)) == []


@pytest.mark.parametrize("name", ["rate_distortion", "posterior", "label_efficiency", "fairness"])
def test_every_text_of_an_answer_can_be_read(name: str, table: pd.DataFrame) -> None:
    mig = table[table["name"].eq("mig")]
    scored = pd.concat([table, mig.assign(name="unfairness", metric="fairness")])
    study = SimpleNamespace(table=scored, plan=SimpleNamespace(schedules=SCHEDULES))
    for _, figure, _ in QUESTIONS[name].draw(study):  # type: ignore[arg-type]
        assert faults(figure) == []


def test_every_text_of_the_question_of_generalisation_can_be_read(table: pd.DataFrame) -> None:
    split = table[table["dataset"].eq("dsprites") & table["representation"].eq("mean")].astype({"model": "str"})
    split["model"] += " on the recombination to element split"
    held_out = split[split["name"].isin(["reconstruction", "gbt_10000"])].assign(representation="held_out")
    r2 = held_out[held_out["name"].eq("gbt_10000")].assign(name="r2")
    scored = pd.concat([split, held_out, r2])
    study = SimpleNamespace(table=scored, plan=SimpleNamespace(schedules=SCHEDULES))
    ((_, figure, _),) = QUESTIONS["generalisation"].draw(study)  # type: ignore[arg-type]
    assert faults(figure) == []


def test_every_text_of_the_cost_of_choosing_can_be_read(table: pd.DataFrame, tmp_path: Path) -> None:
    ((chosen,), _) = chosen_runs(table[table["dataset"].eq("dsprites")], Store(tmp_path))
    figure = regret_figure(chosen.choice.regrets, looks_of(table), chosen.dataset, SCHEDULES)
    assert faults(figure) == []
    panels = [ax for ax in figure.axes if ax.get_title()]
    lowest = min(ax.get_position().y0 for ax in panels)
    assert {ax.get_xlabel() for ax in panels if ax.get_position().y0 < lowest + 0.01} == {"regret"}


def test_every_text_of_the_question_of_conventions_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, codes = np.random.default_rng(0), ("factors and noise", "β-VAE, beta 16", "PCA")
    rows = [
        {"codes": whose, "metric": c.metric, "convention": c.name, "score": rng.random(),
         "name": registry.load("metrics", c.metric).metric.headline}
        for whose in codes for c in CONVENTIONS if c.metric in conventions.METRICS and not c.slow
    ]  # fmt: skip
    monkeypatch.setattr(conventions, "dsprites_codes", dict)
    monkeypatch.setattr(conventions, "scores_by_convention", lambda *_, **__: pd.DataFrame(rows))
    for _, figure, _ in QUESTIONS["conventions"].draw(SimpleNamespace()):  # type: ignore[arg-type]
        assert faults(figure) == []


def test_the_checker_finds_what_cannot_be_read() -> None:
    figure = new_figure(5, 2)
    ax = figure.subplots()
    titled(figure, "A heading " * 30, "", "a schedule")
    ax.plot([0, 1], label="a line")
    ax.legend()
    ax.text(0.5, 0.5, "one text", fontsize=5)
    ax.text(0.5, 0.5, "another", rotation=30, rotation_mode="anchor")
    figure.text(0.98, 0.2, "a text that leaves the figure")
    found = " ".join(faults(figure))
    for words in ("5.00 in wide", "more than two lines", "set in 5 pt", "'one text' and 'another' overlap", "is cut by",
                  "legend lies on the data"):  # fmt: skip
        assert words in found


@pytest.mark.parametrize("count", [6, 24])
def test_every_text_of_a_comparison_can_be_read(count: int) -> None:
    names = [headline for m in registry.names("metrics") if (headline := registry.load("metrics", m).metric.headline)]
    names = [*names, *(f"lr_{n}" for n in range(1000, 1100))][:count]
    ends = {f"{kind}{end}": at for kind in KINDS for end, at in (("", 0.0), ("_low", -0.5), ("_high", 0.5))}
    counts = {"dataset": "dsprites", "settings": 3, "pairs": 15, "fewest_seeds": 5}
    pairs = [{"row": a, "column": b, "a": -0.5, "b": 0.5, "low": -1.0, "high": -0.1, "fewest_seeds": 5}
             for a, b in combinations(names, 2)]  # fmt: skip
    scores = pd.DataFrame([{"name": name, **ends, **counts} for name in names])
    figure = comparison_figure(scores, pd.DataFrame(pairs), ("beta_vae", "factor_vae"), SCHEDULES)
    assert faults(figure) == []


def test_leaning_names_side_by_side_do_not_overlap() -> None:
    figure = new_figure(COLUMN, 2)
    ax = figure.subplots()
    titled(figure, "Names", "", "a schedule")
    names = ["a long name of a column"] * 3
    ax.set_xticks([0, 1, 2], names, rotation=50, ha="right", rotation_mode="anchor")
    assert faults(figure) == []
    ax.set_xticks([0, 0.02, 2], names, rotation=50, ha="right", rotation_mode="anchor")
    assert any("overlap" in fault for fault in faults(figure))

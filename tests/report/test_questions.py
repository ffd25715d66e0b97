"""Every question is answered by a picture that says what it rests on, or by the reason why it cannot be."""

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import data
from bench.analysis.names import model_title
from bench.analysis.scores.agreement import TooFewRunsError
from bench.cli import question
from bench.conventions import CONVENTIONS
from bench.data.sampling import ALL, of_card
from bench.models.random_projection import RandomProjection
from bench.registry import UnknownNameError
from bench.report.questions import (
    QUESTIONS,
    clusters,
    conventions,
    entanglement,
    generative_models,
    identifiability,
    interpolation,
    noisy_or,
)
from bench.report.questions.asked import Asked
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule
from bench.testing.synthetic import synthetic_table
from bench.training.train import load_learner, train

SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
PROTOCOL = Protocol("quick", None, None, None, None, ("mean",), (), {})
VAE = Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", 0, 1.0, 0, "mnist", 1, SCHEDULE)
PCA = Run("pca", 1, True, Frozen({"latent_dim": 4, "num_images": 300}), None, None, None, 0, "mnist", 1, SCHEDULE)
OF_SCORES = ("rate_distortion", "posterior", "label_efficiency")
OF_MODELS = ("clusters", "interpolation", "generative_models")


class Tabled(Asked):
    """A study with a score table made up."""

    @property
    def table(self) -> pd.DataFrame:  # type: ignore[override]
        return synthetic_table(
            np.random.default_rng(0), datasets=("dsprites", "mnist"), models=("beta_vae", "dip_vae_i"), seeds=3
        )


def plan(*runs: Run) -> Plan:
    return Plan("q", "Q", runs, (), PROTOCOL)


def said(figure: object) -> str:
    return " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    store = Store(tmp_path_factory.mktemp("store"))
    for run in (VAE, PCA):
        train([run], store, "cpu", lambda steps, note: None)
    return Asked(plan(VAE, PCA), store)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of few rows."""
    for module, sizes in (
        (clusters, {"ROWS": 200, "SHOWN": 60}),
        (interpolation, {"PAIRS": 10, "REAL": 100}),
        (generative_models, {"ROWS": 100}),
        (identifiability, {"ROWS": 200, "DEGREES": (0, 45)}),
        (noisy_or, {"SIZES": (50, 200), "SEEDS": 1}),
    ):
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)


@pytest.mark.parametrize("name", OF_SCORES)
def test_a_question_of_scores_is_answered_from_the_table(name: str, tmp_path: Path) -> None:
    ((stem, figure, numbers),) = QUESTIONS[name].draw(Tabled(plan(VAE), Store(tmp_path)))
    assert stem == name
    assert "3 seeds a setting" in said(figure)
    assert "tiny: 6 steps" in said(figure)
    assert {"dsprites", "mnist"} <= set(numbers["dataset"])


def test_marks_of_a_panel_stand_beside_their_own_setting_where_another_panel_lacks_it(tmp_path: Path) -> None:
    class Half(Tabled):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            table = super().table
            return table[table["dataset"].eq("dsprites") | table["model"].eq("dip_vae_i")]

    ((_, figure, numbers),) = QUESTIONS["posterior"].draw(Half(plan(VAE), Store(tmp_path)))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert (len(labels), figure.axes[0].get_ylim()) == (12, (11.5, -0.5))
    panels = dict(list(numbers.groupby(["name", "dataset"], sort=False)))
    assert {len(part["model"].unique()) for part in panels.values()} == {1, 2}
    for ax, part in zip(figure.axes, panels.values(), strict=False):
        marks = {labels[round(y)]: x for x, y in ax.collections[1].get_offsets()}
        medians = part.groupby(["model", "value"])["mean"].median().items()
        assert marks == pytest.approx({f"{model_title(m)} {v:g}": median for (m, v), median in medians})


def test_overlaps_of_a_setting_that_one_sampling_lacks_stand_beside_its_name() -> None:
    shared = {("x-y", "annealed_vae"): 0.9, ("x-y", "beta_vae"): 0.1, ("shape-y", "beta_vae"): 0.2}
    rows = [{"sampling": sampling, "trained_on": kind, "model": model, "hyperparameter": "beta", "value": 1.0,
             "seed": 0, "run": f"{kind} {sampling} {model}", "shared": overlap}
            for (sampling, model), overlap in shared.items() for kind in entanglement.COLOURS]  # fmt: skip
    figure = entanglement._figure(pd.DataFrame(rows), "dsprites", "")
    assert figure.caption.startswith("dSprites: do correlated factors lie in the same dimensions? Overlap of two")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["AnnealedVAE, beta 1", "β-VAE, beta 1"]
    found = [{labels[round(y)]: x for x, y in ax.collections[1].get_offsets()} for ax in figure.axes[:2]]
    assert found == [{labels[0]: 0.9, labels[1]: 0.1}, {labels[1]: 0.2}]


def test_a_model_that_sweeps_nothing_has_points_of_rate_and_distortion_and_no_line(tmp_path: Path) -> None:
    class Unswept(Tabled):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            table = super().table
            return table.assign(value=table["value"].where(table["model"].ne("dip_vae_i")))

    ((_, figure, numbers),) = QUESTIONS["rate_distortion"].draw(Unswept(plan(VAE), Store(tmp_path)))
    assert set(numbers["model"]) == {"beta_vae", "dip_vae_i"}
    lines = [line for line in figure.axes[0].lines if line.get_color() == "0.7"]
    assert [len(line.get_xdata()) for line in lines] == [6, 0]


def test_unfairness_is_drawn_against_every_score_without_settings_that_have_a_dead_run(tmp_path: Path) -> None:
    class Encoded(Tabled):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            table = super().table
            mig = table[table["name"].eq("mig") & table["representation"].eq("mean")]
            dead = mig.assign(name="active_dims", metric="active_dims", score=(mig["run"] != mig["run"].iloc[0]) * 1.0)
            return pd.concat([table, mig.assign(name="unfairness", metric="fairness", score=-mig["score"]), dead])

    ((stem, figure, numbers),) = QUESTIONS["fairness"].draw(Encoded(plan(VAE), Store(tmp_path)))
    assert stem == "fairness"
    assert "69 runs, 3 seeds a setting" in said(figure)
    assert "1 run is dead" in figure.caption
    whole, partial = (numbers[numbers["given"].isna() == is_whole] for is_whole in (True, False))
    correlations = whole.set_index(["dataset", "row"])["spearman"]
    assert correlations["dsprites", "mig"] == correlations["mnist", "mig"] == pytest.approx(-1)
    assert set(whole["row"]) - set(partial["row"]) == {"gbt_10000"} == set(partial["given"])
    assert "hollow marks are partial rank correlations, given the accuracy GBT 10,000" in figure.caption
    assert numbers["kind"].unique().tolist() == ["metrics of the study", "accuracy of tasks"]
    assert [name for name in numbers["row"].unique() if "_10" in name] == ["lr_10000", "gbt_10000"]
    with pytest.raises(TooFewRunsError, match="of which every image was encoded: study=fairness"):
        list(QUESTIONS["fairness"].draw(Tabled(plan(VAE), Store(tmp_path))))


@pytest.mark.parametrize("name", OF_MODELS)
@pytest.mark.usefixtures("small")
def test_a_question_of_models_is_answered_from_trained_runs(name: str, trained: Asked) -> None:
    ((stem, figure, numbers),) = QUESTIONS[name].draw(trained)
    assert stem.startswith(name)
    assert "MNIST" in said(figure)
    assert "tiny: 6 steps" in said(figure)
    assert not numbers.isna().any(axis=None)


@pytest.mark.parametrize("name", OF_MODELS)
def test_without_trained_runs_there_is_a_reason(name: str, tmp_path: Path) -> None:
    mend = "on a data set of classes" if name == "clusters" else "train study=q results_dir="
    with pytest.raises(TooFewRunsError, match=f"study 'q' has no trained .* {mend}"):
        list(QUESTIONS[name].draw(Asked(plan(VAE), Store(tmp_path))))


def test_without_stored_codes_nothing_is_evaluated_again(tmp_path: Path) -> None:
    with pytest.raises(TooFewRunsError, match=r"no run of the study has stored codes: .* score study=q results_dir="):
        list(QUESTIONS["sensitivity"].draw(Asked(plan(VAE), Store(tmp_path))))


def test_what_scores_depend_on_is_drawn_for_scores_and_for_their_correlations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, levels = np.random.default_rng(0), {"": ["protocol"], "rows": ["25% of the rows"], "bins": ["10 bins"]}
    rows = [
        {"run": f"{strength}-{seed}", "dataset": "dsprites", "model": "beta_vae", "value": strength, "seed": seed,
         "choice": choice, "level": level, "name": name, "score": strength + rng.normal()}
        for strength in (1.0, 2.0) for seed in range(5) for choice in levels for level in levels[choice]
        for name in ("mig", "sap")
    ]  # fmt: skip
    monkeypatch.setattr("bench.report.questions.sensitivity.evaluate_again", lambda *_: None)
    monkeypatch.setattr("bench.report.questions.sensitivity.scores_again", lambda *_: pd.DataFrame(rows))
    drawn = list(QUESTIONS["sensitivity"].draw(Asked(plan(VAE), Store(tmp_path))))
    assert [stem for stem, *_ in drawn] == ["sensitivity_of_scores", "sensitivity_of_correlations"]
    for _, figure, numbers in drawn:
        assert "10 runs, 5 seeds a setting" in said(figure)
        assert {"rows", "bins", "training seed"} <= set(numbers["source"])
        assert (
            numbers.groupby([c for c in ("name", "row", "column") if c in numbers])["share"].sum().round(9).eq(1).all()
        )


@pytest.mark.usefixtures("small")
def test_generative_models_stand_beside_what_is_printed_of_others_and_are_not_ranked_with_it(
    trained: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [(model, value) for model in ("beta_vae", "infogan") for value in (0.05, 4.0)]
    runs = [
        dataclasses.replace(VAE, model=model, hyper=Frozen({"beta": value}), value=value, seed=seed, dataset="dsprites")
        for model, value in settings for seed in range(5)
    ]  # fmt: skip
    rows = [
        {"run": r.id, "dataset": r.dataset, "model": r.model, "value": r.value, "seed": r.seed, "factor": None,
         "representation": "mean", "name": name, "score": 0.1 * r.seed + (r.value == 4.0) * 0.2}
        for r in runs for name in ("mig", "dci_disentanglement")
    ]  # fmt: skip
    monkeypatch.setattr(Asked, "table", pd.DataFrame(rows))
    monkeypatch.setattr(Asked, "trained", lambda asked: iter(runs))
    monkeypatch.setattr(Asked, "learner", lambda asked, run: load_learner(VAE, trained.store.run(VAE.id)))
    fresh = Asked(trained.plan, trained.store)
    walks, beside = QUESTIONS["generative_models"].draw(fresh)
    assert set(walks[2]["run"]) == {r.id for r in runs if r.seed == 2}  # in the middle of its seeds by MIG
    assert "MIG 0.40, DCI disentanglement 0.40" in said(walks[1]).replace("\n", ", ")
    numbers = beside[2]
    ours = numbers[numbers["source"] == "ours"].set_index(["row", "name"])
    assert ours.loc[("InfoGAN, beta 4", "mig"), "score"] == pytest.approx(0.4)
    assert ours["low"].lt(ours["score"]).all()
    printed = numbers[numbers["source"] != "ours"].set_index(["row", "name"])
    assert printed.loc[("InfoGAN-CR", "mig"), "score"] == 0.37
    assert set(printed.index.unique("name")) == {"mig", "dci_disentanglement"}
    assert "under another protocol, which are not ranked" in said(beside[1]).replace("\n", " ")


@pytest.mark.parametrize("name", ["clusters", "interpolation"])
@pytest.mark.usefixtures("small")
def test_a_picture_of_some_runs_names_their_schedules(name: str, trained: Asked) -> None:
    others = replace(trained, plan=plan(VAE, PCA, replace(PCA, seed=1), replace(PCA, seed=2)))  # most are fitted
    ((_, figure, _),) = QUESTIONS[name].draw(others)
    assert "tiny: 6 steps, 32x32 px" in said(figure)


def test_generative_models_without_scores_are_drawn_alone(trained: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative_models, "ROWS", 50)
    ((stem, _, numbers),) = QUESTIONS["generative_models"].draw(trained)
    assert stem == "generative_models_mnist"
    assert numbers["run"].unique().tolist() == [VAE.id]


def test_images_of_one_class_have_no_clusters(trained: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "ROWS", 1)
    with pytest.raises(TooFewRunsError, match="are of one class"):
        list(QUESTIONS["clusters"].draw(trained))


@pytest.mark.usefixtures("small")
def test_a_trained_vae_scores_differently_when_rotated_with_the_same_bound(
    trained: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = identifiability.registry.names
    names: Callable[[str], list[str]] = lambda kind: ["mig", "clusterability"] if kind == "metrics" else known(kind)  # noqa: E731
    monkeypatch.setattr(identifiability.registry, "names", names)
    monkeypatch.setattr(identifiability, "source_recovery", lambda: _sources())
    ((_, figure, numbers),) = QUESTIONS["identifiability"].draw(trained)
    assert "β-VAE, beta 1, MNIST" in said(figure)
    changes = numbers[numbers["name"] == "elbo_change"].groupby("panel")["score"].max()
    assert len(changes) == 2
    assert (changes < 1e-5).all()
    mig = numbers[numbers["name"].eq("mig") & numbers["panel"].eq("Linear Gaussian model")].set_index("degrees")
    assert mig.loc[45, "score"] < 0.5 * mig.loc[0, "score"]


def _sources() -> pd.DataFrame:
    columns = {"seed": 0, "amari": 0.1, "mig": 0.5, "ceiling": 0.6, "settled": True}
    return pd.DataFrame({"shape": [1.0, 2.0, 8.0]}).assign(**columns)


@pytest.mark.usefixtures("small")
def test_the_stage_writes_picture_and_numbers_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert question.answer("noisy_or", plan(VAE), Store(tmp_path)) == 0
    picture = tmp_path / "studies" / "q" / "questions" / "noisy_or.png"
    assert str(picture) in "".join(capsys.readouterr())
    assert list(pd.read_csv(picture.with_suffix(".csv"))["rows"]) == [50, 200]


def test_the_stage_lists_questions_and_knows_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert question.list_questions() == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(QUESTIONS)
    with pytest.raises(UnknownNameError, match="Did you mean 'clusters' or"):
        question.answer("cluster", plan(VAE), Store(tmp_path))


def test_a_question_that_cannot_be_answered_ends_with_1_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert question.answer("interpolation", plan(VAE), Store(tmp_path)) == 1
    assert "not drawn: study 'q' has no trained" in "".join(capsys.readouterr())


def test_correlated_factors_are_compared_with_those_of_the_twin_on_all_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, card = Store(tmp_path), data.card("dsprites")
    correlated = of_card({"kind": "correlated", "pairs": [["x", "y"]], "sigma": 0.05}, card)
    every = replace(PCA, dataset="dsprites")
    runs = [replace(every, sampling=sampling, seed=seed) for sampling in (ALL, correlated) for seed in (0, 1)]
    for run in runs:
        train([run], store, "cpu", lambda steps, note: None)
    monkeypatch.setattr(entanglement, "MOST", 800)
    ((stem, figure, numbers),) = QUESTIONS["entanglement"].draw(Asked(plan(*runs), store))
    assert stem == "entanglement_dsprites"
    assert "x-y correlated, sigma 0.05" in said(figure)
    shared = numbers.groupby("trained_on")["shared"].mean()
    assert shared["correlated"] > shared["all images"] + 0.05  # components of the diagonal, not of an axis
    with pytest.raises(TooFewRunsError, match=r"factors are needed, .* run study=correlated results_dir=.* trains"):
        list(QUESTIONS["entanglement"].draw(Asked(plan(*runs[2:]), store)))


def test_scores_of_images_held_out_are_drawn_against_disentanglement(tmp_path: Path) -> None:
    class HeldOut(Tabled):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            table = super().table.astype({"model": "str"})
            table["model"] = table["model"].mask(table["model"] == "beta_vae", "beta_vae on the random split")
            scored = table[table["name"].eq("dci_disentanglement") & table["representation"].eq("mean")]
            r2 = scored.assign(name="r2", metric="linear_r2", representation="held_out", score=-scored["score"])
            of_grid = r2.assign(representation="mean", score=np.random.default_rng(0).random(len(r2)))
            return pd.concat([table, r2, of_grid])

    class Dead(HeldOut):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            table = super().table
            one = table[table["name"].eq("mig") & table["model"].eq("dip_vae_i") & table["dataset"].eq("mnist")].iloc[
                :1
            ]
            return pd.concat([table, one.assign(name="active_dims", metric="active_dims", score=0.0)])

    class Few(HeldOut):
        @property
        def table(self) -> pd.DataFrame:  # type: ignore[override]
            return super().table.query("value == 1 or (value == 2 and dataset == 'mnist')")

    drawn = list(QUESTIONS["generalisation"].draw(HeldOut(plan(VAE), Store(tmp_path))))
    assert [stem for stem, *_ in drawn] == ["generalisation_dsprites", "generalisation_mnist"]
    for _, figure, numbers in drawn:
        assert "Linear R², held out" in said(figure)
        assert "36 runs, 3 seeds a setting: too few to be sure" in said(figure)
        assert set(zip(numbers["model"], numbers["split"], strict=True)) == {
            ("beta_vae", "random"), ("dip_vae_i", "all images"),
        }  # fmt: skip
        whole, partial = (numbers[numbers["given"].isna() == is_whole] for is_whole in (True, False))
        assert whole["spearman"].tolist() == pytest.approx([-1, -1])  # against DCI, of which it is the negative
        assert partial["spearman"].tolist() == pytest.approx([-1, -1])
        assert set(partial["given"]) == {"r2 of the whole grid"}
    ((_, figure, _), (_, _, numbers)) = QUESTIONS["generalisation"].draw(Dead(plan(VAE), Store(tmp_path)))
    assert "1 run is dead (no active dimension): DIP-VAE-I" in figure.caption
    assert "Their settings are left out." in figure.caption
    runs = numbers.groupby("model")["runs"].first() + 0
    assert runs.to_dict() == {"beta_vae": 18, "dip_vae_i": 15}
    ((stem, figure, _),) = QUESTIONS["generalisation"].draw(Few(plan(VAE), Store(tmp_path)))
    assert stem == "generalisation_mnist"
    assert "Left out: β-VAE on the random split, dSprites: 3 runs have all of these" in figure.caption
    with pytest.raises(TooFewRunsError, match="and scores of images held out, are needed: study=generalise"):
        list(QUESTIONS["generalisation"].draw(Tabled(plan(VAE), Store(tmp_path))))


def test_a_convention_has_a_row_and_each_codes_a_mark_beside_the_value_of_this_suite(
    trained: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(n, size=300) for n in (3, 5)], axis=1)
    codes = factors + rng.normal(0, 0.2, factors.shape)
    split = codes[:200], factors[:200], codes[200:], factors[200:]
    monkeypatch.setattr(conventions, "METRICS", ("mig", "modularity"))
    cheap = [c for c in CONVENTIONS if c.metric in ("mig", "modularity")]
    monkeypatch.setattr(conventions, "dsprites_codes", lambda: {"mine": split, "theirs": split})
    ((stem, figure, numbers),) = QUESTIONS["conventions"].draw(trained)
    assert stem == "conventions"
    assert {(row.metric, row.convention) for row in numbers.itertuples()} == {(c.metric, c.name) for c in cheap}
    for words in ("this suite", "ubisoft.classes", "latent_quantization", "mine", "theirs", "MIG", "Modularity"):
        assert words in said(figure)
    marks = [line for ax in figure.axes[:2] for line in ax.lines if line.get_marker() not in ("", "None", None)]
    assert sum(len(line.get_xdata()) for line in marks) == 2 * len(cheap)


def test_what_conventions_are_shown_on_are_codes_of_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"TRAIN": 30, "TEST": 20, "IMAGES": 40}.items():
        monkeypatch.setattr(conventions, name, size)
    monkeypatch.setattr(conventions, "PCA", RandomProjection)  # PCA takes seconds, however few the images
    made, shipped, components = conventions.dsprites_codes().values()
    for codes, factors, test_codes, test_factors in (made, shipped, components):
        assert (len(codes), len(test_codes)) == (30, 20)
        np.testing.assert_array_equal(factors, made[1])
        np.testing.assert_array_equal(test_factors, made[3])
    assert [np.shape(split[0])[1] for split in (made, shipped, components)] == [5, 10, 10]

"""Pictures on the page stand in the paper's order, carry caption and files, and are made ready once."""

from pathlib import Path

import pytest
from PIL import Image

from bench.pool import Here
from bench.report.gallery import WIDEST, embed, gallery, in_order, pictures, title_of


def test_figures_come_in_the_papers_order() -> None:
    names = ["fig2_metric_agreement", "fig3_a_dsprites", "fig3_a_noisy_dsprites", "fig10_scatter", "fig27_mi",
             "table1_transfer", "table5_variance", "reproduction_fig2", "reproduction_fig10", "probability_of_beating",
             "seeds_needed"]  # fmt: skip
    assert [f.stem for f in in_order(Path(f"{n}.png") for n in sorted(names, reverse=True))] == names


@pytest.mark.parametrize(
    ("stem", "written"),
    [
        ("fig2_metric_agreement", "Figure 2 of the paper: metric agreement"),
        (
            "fig3_scores_by_model_all_noisy_dsprites",
            "Figure 3 of the paper: scores by model, all metrics, Noisy-dSprites",
        ),
        ("table5_variance_explained", "Table 5 of the paper: variance explained"),
        ("reproduction_fig4_left", "Figure 4 left of the paper beside ours"),
        ("reproduction_tc_gan_table1", "Scores of models, mean of 10 runs (TC-GAN, table 1), beside ours"),
        ("fig22_accuracy_by_dci", "Figure 22 of the paper: accuracy by DCI disentanglement"),
        ("selected_runs_dsprites", "Selected runs, dSprites"),
        ("dsprites_beta_vae", "dSprites: β-VAE"),
        ("dsprites_mine", "dSprites: mine"),
    ],
)
def test_a_file_name_is_read_as_a_title(stem: str, written: str) -> None:
    assert title_of(stem) == written


def drawn(folder: Path, name: str, width: int = 40) -> Path:
    file = folder / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 30), "white").save(file)
    return file


def test_copies_are_made_of_what_changed_and_go_with_their_pictures(tmp_path: Path) -> None:
    first, second = drawn(tmp_path, "figures/fig1_a"), drawn(tmp_path, "models/dsprites_pca", 2 * WIDEST)
    assert [o.state for o in embed(tmp_path, Here())] == ["drawn", "drawn"]
    (large,) = pictures(tmp_path, "models")
    with Image.open(large.copy) as copy:
        assert copy.size == (WIDEST, 15)
    drawn(tmp_path, "figures/fig1_a", 50)
    assert {o.name: o.state for o in embed(tmp_path, Here())} == {
        "figures/fig1_a.png": "drawn",
        "models/dsprites_pca.png": "unchanged",
    }
    first.unlink()
    list(embed(tmp_path, Here()))
    assert pictures(tmp_path, "figures") == []
    assert sorted((tmp_path / "page").rglob("*.webp")) == [large.copy]
    assert second.exists()


def test_a_picture_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    drawn(tmp_path, "figures/fig1_a")
    (tmp_path / "figures" / "fig2_b.png").write_bytes(b"no picture")
    outcomes = {o.name: o for o in embed(tmp_path, Here())}
    assert outcomes["figures/fig2_b.png"].state == "failed"
    assert "cannot identify image file" in outcomes["figures/fig2_b.png"].why
    assert [p.file.stem for p in pictures(tmp_path, "figures")] == ["fig1_a"]


def test_a_caption_and_links_to_its_files_stand_under_a_picture(tmp_path: Path) -> None:
    file = drawn(tmp_path, "figures/fig1 a&b")
    file.with_suffix(".txt").write_text("Of <two> models.\n", encoding="utf-8")
    file.with_suffix(".csv").touch()
    list(embed(tmp_path, Here()))
    section = gallery("Figures", "figures", pictures(tmp_path, "figures"))
    assert "<p>Of &lt;two&gt; models.</p>" in section
    assert '<a href="figures/fig1%20a%26b.csv">numbers (csv)</a>' in section
    assert ".pdf" not in section
    assert "lazy" not in section

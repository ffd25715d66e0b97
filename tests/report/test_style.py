"""A figure's three files, and its typeface."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypdfium2 import PdfDocument

from bench.report.figures.heatmaps import SIGNED, _luminance
from bench.report.fonts import CUT, families
from bench.report.style import COLUMN, DPI, key_of, looks, new_figure, save, titled


def _saved(tmp_path, words):
    figure = new_figure(3.0, 2.0)
    figure.subplots().set_title(words)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a glyph that no typeface has
        return save(figure, pd.DataFrame({"x": [1.5, np.nan]}), tmp_path / "some", "python -m bench some")


@pytest.mark.parametrize(
    "words", ["β-VAE: ρ = −0.5, Łódź", r"$\frac{$ and $5", "aleph \N{ALEF SYMBOL}, which only the whole typeface has"]
)
def test_the_words_of_a_figure_are_text_in_its_pdf(tmp_path, words):
    pdf, *_ = _saved(tmp_path, words)
    with PdfDocument(pdf) as document:
        assert words in document[0].get_textpage().get_text_range()


def test_the_png_is_the_pdf_at_its_resolution_and_names_its_command(tmp_path):
    _, png, csv, _ = _saved(tmp_path, "words")
    with Image.open(io.BytesIO(png.read_bytes())) as picture:
        assert picture.size == (3 * DPI, 2 * DPI)
        assert picture.info["Description"] == "python -m bench some"
        assert np.asarray(picture.convert("L")).min() < 64  # it is not an empty page
    assert csv.read_text() == '"x"\n1.5\n\n'


def test_the_caption_has_in_sentences_what_the_figure_has_no_room_for(tmp_path):
    figure = new_figure(COLUMN, 1.0)
    figure.subplots()
    schedules = "quick: 2,000 steps (factor_vae: 1,000 steps)"
    titled(figure, "What it shows", "3 runs", schedules, "Bars: a thing.")
    caption = save(figure, pd.DataFrame({"x": [1]}), tmp_path / "some", "command")[3]
    assert caption.name == "some.txt"
    assert caption.read_text() == f"What it shows. Bars: a thing. Drawn from 3 runs. Schedule: {schedules}.\n"
    assert [t.get_text() for t in figure.texts] == ["What it shows", "3 runs; quick: 2,000 steps"]


def test_a_figure_grows_by_its_heading_legend_and_foot_and_keeps_its_width():
    figure = new_figure(COLUMN, 2.0)
    ax = figure.subplots()
    titled(figure, "A heading of many words " * 3, "", "a schedule", keys=([key_of(looks(["a"])["a"])], ["a"]))
    figure.draw_without_rendering()
    assert figure.get_figwidth() == COLUMN
    assert 2.4 < figure.get_figheight() < 2.8
    assert 1.6 < ax.bbox.height / figure.dpi < 2.0


def test_models_differ_in_marker_and_dash_beside_colour():
    found = list(looks(map(str, range(40))).values())
    assert len({(str(f["marker"]), str(f["linestyle"])) for f in found}) == 40


def test_the_sign_of_a_heat_map_shows_in_grey():
    grey = np.array([_luminance(SIGNED(x)) for x in np.linspace(0, 1, 21)])
    assert (np.diff(grey[:11]) > 0).all()
    assert (np.diff(grey[10:]) < 0).all()
    assert (grey[0:10] > grey[:10:-1] + 0.01).all()  # a negative number is lighter than a positive one of its size
    assert grey[0] - grey[20] > 0.25


def test_a_figure_without_numbers_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="some: a figure without numbers"):
        save(new_figure(2, 2), pd.DataFrame(), tmp_path / "some", "command")
    assert list(tmp_path.iterdir()) == []


def test_text_is_set_in_the_cut_typeface(tmp_path):
    assert families()[0] == CUT
    pdf, *_ = _saved(tmp_path, "words")
    assert CUT.replace(" ", "").encode() in pdf.read_bytes()
    assert len(pdf.read_bytes()) < 60_000

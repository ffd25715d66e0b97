"""A figure's three files, and its typeface."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypdfium2 import PdfDocument

from bench.report.fonts import CUT, families
from bench.report.style import DPI, new_figure, save


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
    _, png, csv = _saved(tmp_path, "words")
    with Image.open(io.BytesIO(png.read_bytes())) as picture:
        assert picture.size == (3 * DPI, 2 * DPI)
        assert picture.info["Description"] == "python -m bench some"
        assert np.asarray(picture.convert("L")).min() < 64  # it is not an empty page
    assert csv.read_text() == '"x"\n1.5\n\n'


def test_a_figure_without_numbers_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="some: a figure without numbers"):
        save(new_figure(2, 2), pd.DataFrame(), tmp_path / "some", "command")
    assert list(tmp_path.iterdir()) == []


def test_text_is_set_in_the_cut_typeface(tmp_path):
    assert families()[0] == CUT
    pdf, *_ = _saved(tmp_path, "words")
    assert CUT.replace(" ", "").encode() in pdf.read_bytes()
    assert len(pdf.read_bytes()) < 60_000

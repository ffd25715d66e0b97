"""The page as text: whole, self-contained, escaped. What it does in a browser is `test_page_in_browser`."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.board.leaderboard import columns, leaderboard
from bench.report.markup import Html, join, tag
from bench.report.page import _definition


class Reader(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(page_file: Path) -> str:
    return page_file.read_text(encoding="utf-8")


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "<i>", Html("<i>"), title='"') == '<p title="&quot;">&lt;i&gt;<i></p>'
    assert join("a", None, "&") == "a&amp;"


def test_every_element_is_closed(page: str) -> None:
    assert Reader(page).open == []


def test_nothing_on_the_page_is_fetched(page: str) -> None:
    elements = Reader(page).elements
    sources = [a["src"] for _, a in elements if a.get("src")]
    assert sources
    assert all(s and s.startswith("data:image/webp;base64,") for s in sources)
    assert {a["href"] for t, a in elements if t == "link"} == {"data:,"}
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_this_script_and_style_alone(page: str) -> None:
    policy = next(a["content"] for t, a in Reader(page).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for name in ("script", "style"):
        (text,) = re.findall(rf"<{name}>(.*?)</{name}>", page, re.S)
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in Reader(page).elements)


def test_a_hostile_name_is_text(page: str) -> None:
    assert [t for t, _ in Reader(page).elements].count("script") == 1
    assert "<script>alert(1)</script> \"a\" 'b' </th> & {{x}} ${title}" in Reader(page).text
    assert "<script>alert" not in page


def test_incomplete_rows_say_so(page: str) -> None:
    rows = re.findall(r'<tr data-model="dip_vae_ii"[^>]*>.*?</tr>', page)
    assert 'class="unranked"' in rows[0]
    assert "not ranked" in rows[0]


def test_figures_carry_their_commands(page: str) -> None:
    assert "Figure 2 of the paper: metric agreement" in page
    assert "<code>python -m bench analyze study=quick</code>" in page


def test_metrics_are_defined(page: str) -> None:
    text = Reader(page).text
    assert "the two dimensions most informative about a factor" in text
    assert "Chen et al. 2018, arXiv:1802.04942" in text
    assert "mig 0 to 1, higher is better" in text
    assert "lr_efficiency 0 to ∞, higher is better" in text


def test_bold_is_what_no_other_interval_reaches(page: str, hostile_table: pd.DataFrame) -> None:
    board = leaderboard(hostile_table, columns(hostile_table)).query("dataset == 'dsprites'")
    for representation, number in (("mean", 1), ("sampled", 4)):
        (section,) = re.findall(rf'<section class="board" id="board-{number}".*?</section>', page, re.S)
        ranked = board[(board["representation"] == representation) & board["rank"].notna()].sort_values("mig")
        sure = ranked["mig_low"].iloc[-1] > ranked["mig_high"].fillna(ranked["mig"]).iloc[:-1].max()
        assert (f"<b>{ranked['mig'].iloc[-1]:.3f}</b>" in section) == sure


def test_a_metric_without_a_headline_is_called_as_its_scores_are() -> None:
    assert "<dt>UDR<" in str(_definition("udr", {}))

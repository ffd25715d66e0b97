"""The page in headless Chromium: sorted, filtered, by keyboard, on a phone, in the dark, and asking for nothing."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<script>alert(1)</script> \"a\" 'b' </th> & {{x}} ${title}"
BOARD = ".board:not([hidden])"


@pytest.fixture(scope="module")
def chromium() -> Iterator["playwright.Browser"]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("needs Chromium: install it (Debian: apt install chromium) or name it in $CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """The page opened in a window, with everything that went wrong."""

    def __init__(
        self, browser: "playwright.Browser", file: Path, width: int = 1280, query: str = "", **options: object
    ) -> None:
        self.faults: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        context.route("**/*", self._route)
        self.page = context.new_page()
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.on("dialog", lambda d: (self.faults.append(f"dialog: {d.message}"), d.dismiss()))
        self.file = file
        self.page.goto(file.as_uri() + query)

    def _route(self, route: "playwright.Route") -> None:
        if (
            route.request.url.startswith("data:")
            or route.request.url.partition("#")[0].partition("?")[0] == self.file.as_uri()
        ):
            route.continue_()
        else:
            self.faults.append(f"asked for {route.request.url}")
            route.abort()

    def url(self) -> str:
        return str(self.page.evaluate("location.href"))

    def models(self) -> list[str]:
        rows = self.page.locator(f"{BOARD} tbody tr:not([hidden])")
        return [row.get_attribute("data-model") for row in rows.all()]

    def values(self, header: str) -> list[float | None]:
        """The column's sort keys, top to bottom."""
        script = """([board, name]) => {
            const table = document.querySelector(board + " table");
            const th = [...table.querySelectorAll("thead button")].find((b) => b.textContent.startsWith(name));
            const at = th.closest("th").cellIndex;
            return [...table.tBodies[0].rows].map((r) => r.cells[at].dataset.value ?? null);
        }"""
        return [None if v is None else float(v) for v in self.page.evaluate(script, [BOARD, header])]

    def field(self, name: str) -> "playwright.Locator":
        return self.page.locator(f"#controls [name={name}]")

    def button(self, header: str) -> "playwright.Locator":
        return self.page.locator(f"{BOARD} thead button", has_text=header).first


@pytest.fixture
def visit(chromium: "playwright.Browser", page_file: Path) -> Iterator[Visit]:
    visit = Visit(chromium, page_file)
    yield visit
    visit.page.context.close()
    assert visit.faults == []


def test_it_opens_with_one_board_and_no_fault(visit: Visit) -> None:
    assert visit.page.locator(BOARD).count() == 1
    assert "All data sets" in visit.page.locator(f"{BOARD} h3").inner_text()
    ranks = visit.values("Rank")
    assert ranks == [1, 2, 3, 4, 5, None, None]


def test_a_click_on_a_header_sorts_the_best_first_and_a_second_one_the_other_way(visit: Visit) -> None:
    visit.button("MIG").click()
    values = visit.values("MIG")
    held = [v for v in values if v is not None]
    assert held == sorted(held, reverse=True)
    assert values[-1] is None
    assert visit.page.locator(f"{BOARD} th[aria-sort]").get_attribute("aria-sort") == "descending"
    visit.button("MIG").click()
    values = visit.values("MIG")
    assert [v for v in values if v is not None] == sorted(held)
    assert values[-1] is None
    visit.button("Model").click()
    assert visit.models() == sorted(visit.models(), key=str.lower)


def test_the_keyboard_sorts(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    assert visit.page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    visit.page.keyboard.press("Enter")
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate("document.activeElement.textContent").startswith("FactorVAE"):
            break
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert visit.page.evaluate(outline) == "solid"
    visit.page.keyboard.press("Enter")
    held = [v for v in visit.values("FactorVAE") if v is not None]
    assert held == sorted(held, reverse=True)


def test_boards_are_chosen_and_rows_filtered(visit: Visit) -> None:
    visit.field("dataset").select_option("noisy_dsprites")
    visit.field("representation").select_option("sampled")
    assert visit.page.locator(f"{BOARD} h3").inner_text().startswith("Noisy-dSprites, sampled")
    visit.field("text").fill("VAE dip")
    assert sorted(visit.models()) == ["dip_vae_i", "dip_vae_ii"]
    assert visit.page.locator("#shown").inner_text() == "2 of 6 rows"
    visit.field("text").fill("")
    visit.field("level").select_option("setting")
    visit.field("model").select_option("beta_vae")
    assert visit.models() == ["beta_vae"] * 6
    visit.field("text").fill("nobody")
    assert visit.page.locator("#shown").inner_text() == "0 of 36 rows"


def test_ranks_are_those_of_the_set_that_is_chosen(visit: Visit) -> None:
    shown = f"{BOARD} tbody tr:first-child td:not([hidden])"
    count = visit.page.locator(shown).count()
    marked = f"{BOARD} thead tr:last-child small:not([hidden])"
    study = [mark.locator("xpath=..").get_attribute("data-name") for mark in visit.page.locator(marked).all()]
    assert study == ["beta_vae_test", "factor_vae_test", "mig"]
    visit.field("ranks").select_option("information")
    assert visit.url().endswith("?ranks=information")
    assert [m.locator("xpath=..").get_attribute("data-name") for m in visit.page.locator(marked).all()] == ["mig"]
    assert visit.page.locator(shown).count() == count
    visit.field("ranks").select_option("prediction")
    assert visit.page.locator(f"{BOARD} tbody tr.unranked").count() == 7


def test_rows_can_be_the_best_setting_by_each_score(visit: Visit) -> None:
    over_the_sweep = visit.values("MIG")
    visit.field("level").select_option("best")
    assert "best setting by each score" in visit.page.locator(f"{BOARD} h3").inner_text()
    best = visit.values("MIG")
    assert max(v for v in best if v is not None) > max(v for v in over_the_sweep if v is not None)


def test_floors_stand_below_the_rows_whatever_they_are_sorted_by(visit: Visit) -> None:
    floor = visit.page.locator(f"{BOARD} tfoot tr")
    assert floor.count() == 1
    visit.button("MIG").click()
    visit.field("text").fill("dip")
    assert floor.inner_text().split()[:3] == ["Gaussian", "noise", "floor"]
    assert "0.012" in floor.inner_text()


def test_a_hostile_name_stays_text(visit: Visit) -> None:
    assert HOSTILE in visit.models()
    visit.field("text").fill("<script>alert")
    assert visit.models() == [HOSTILE]
    assert HOSTILE in visit.page.locator(f"{BOARD} tbody tr:not([hidden]) th").inner_text()
    visit.field("model").select_option(HOSTILE)
    assert visit.models() == [HOSTILE]
    assert visit.page.locator("script").count() == 1


def test_every_picture_is_there_before_anyone_scrolls(visit: Visit) -> None:
    shown = "[...document.images].map((image) => image.complete && image.naturalWidth > 100)"
    assert visit.page.evaluate(shown) == [True, True, True]


VIEW = "?dataset=noisy_dsprites&representation=sampled&level=setting&model=beta_vae&sort=mig&order=descending"


def view(visit: Visit) -> list[object]:
    """What is shown: the board, its rows in their order, the column it is sorted by."""
    sorted_by = visit.page.locator(f"{BOARD} th[aria-sort]")
    order = [sorted_by.get_attribute(name) for name in ("data-name", "aria-sort")]
    return [visit.page.locator(f"{BOARD} h3").inner_text(), visit.models(), visit.values("MIG"), order]


def test_the_address_keeps_what_is_shown(visit: Visit, chromium: "playwright.Browser", page_file: Path) -> None:
    first = view(visit)
    for name in ("dataset", "representation", "level", "model"):
        visit.field(name).select_option(dict(w.split("=") for w in VIEW[1:].split("&"))[name])
    visit.button("MIG").click()
    assert visit.url() == page_file.as_uri() + VIEW
    chosen = view(visit)
    assert chosen != first
    visit.page.reload()
    assert view(visit) == chosen
    copied = Visit(chromium, page_file, query=VIEW)
    assert view(copied) == chosen
    assert copied.faults == []
    visit.page.get_by_role("button", name="Reset").click()
    playwright.expect(visit.page).to_have_url(page_file.as_uri())  # the form is reset after the click has returned
    assert view(visit) == first


def test_a_name_in_the_address_is_any_text(visit: Visit, chromium: "playwright.Browser", page_file: Path) -> None:
    visit.field("model").select_option(HOSTILE)
    visit.field("text").fill("& <i>=#?")
    copied = Visit(chromium, page_file, query=visit.url().removeprefix(page_file.as_uri()))
    assert copied.field("model").input_value() == HOSTILE
    assert copied.field("text").input_value() == "& <i>=#?"
    assert copied.faults == []


def test_an_address_that_asks_for_what_is_not_there_shows_the_first_board(
    chromium: "playwright.Browser", page_file: Path
) -> None:
    plain, odd = Visit(chromium, page_file), Visit(chromium, page_file, query="?dataset=x&model=x&sort=x&order=up&y=%")
    assert view(odd) == view(plain)
    assert odd.faults == []


def test_back_leads_to_where_one_was_and_not_through_every_choice(visit: Visit, page_file: Path) -> None:
    visit.field("representation").select_option("sampled")
    visit.page.locator("nav a", has_text="Figures").click()
    visit.field("text").fill("dip")
    assert visit.url() == page_file.as_uri() + "?representation=sampled&text=dip#figures"
    visit.page.go_back()
    assert visit.url() == page_file.as_uri() + "?representation=sampled"
    assert visit.field("representation").input_value() == "sampled"
    assert visit.field("text").input_value() == ""
    assert visit.page.evaluate("history.length") == 3


@pytest.mark.parametrize("width", [1400, 800, 380])
def test_columns_out_of_sight_are_told_of_and_reached_by_keyboard(
    chromium: "playwright.Browser", page_file: Path, width: int
) -> None:
    visit = Visit(chromium, page_file, width=width)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    scroll, more = visit.page.locator(f"{BOARD} .scroll"), visit.page.locator(f"{BOARD} .more")
    if scroll.evaluate("e => e.scrollWidth <= e.clientWidth"):
        assert more.inner_text() == ""
        return
    assert "to the right. The board scrolls sideways." in more.inner_text()
    scroll.focus()
    for _ in range(60):
        visit.page.keyboard.press("ArrowRight")
    playwright.expect(visit.page.locator(f"{BOARD} .more")).to_contain_text("left.")
    last = visit.page.locator(f"{BOARD} thead tr:last-child th").last.bounding_box()
    assert last["x"] + last["width"] <= width
    assert visit.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_only_tables_scroll_sideways(chromium: "playwright.Browser", page_file: Path, scheme: str) -> None:
    visit = Visit(chromium, page_file, width=380, color_scheme=scheme, has_touch=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 380
    scroll = visit.page.locator(f"{BOARD} .scroll")
    assert scroll.evaluate("e => e.scrollWidth > e.clientWidth")
    scroll.evaluate("e => { e.scrollLeft = 300; }")
    first = visit.page.locator(f"{BOARD} tbody th").first
    assert first.bounding_box()["x"] == pytest.approx(scroll.bounding_box()["x"], abs=1)
    assert first.bounding_box()["width"] < 160
    dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 27)"
    assert dark == (scheme == "dark")
    assert visit.faults == []


def test_without_its_script_every_board_is_there(chromium: "playwright.Browser", page_file: Path) -> None:
    visit = Visit(chromium, page_file, java_script_enabled=False)
    assert visit.page.locator(".board table").count() == visit.page.locator(".board").count() == 18
    assert not visit.page.locator("#controls").is_visible()
    assert visit.faults == []


def test_on_paper_there_are_no_controls(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("#controls").is_visible()
    assert visit.page.locator(f"{BOARD} table").is_visible()


def test_on_paper_a_board_fits_the_width_and_no_name_is_broken(chromium: "playwright.Browser", page_file: Path) -> None:
    across = round((297 - 2 * 12) / 25.4 * 96)  # CSS pixels of A4 landscape within its margins
    visit = Visit(chromium, page_file, width=across)
    visit.page.emulate_media(media="print")
    assert visit.page.locator(f"{BOARD} table").evaluate("e => e.getBoundingClientRect().width") <= across
    lines = """th => {
        const name = document.createRange();
        name.selectNodeContents(th.firstChild);
        return name.getClientRects().length;
    }"""
    names = visit.page.locator(f"{BOARD} tbody tr:not([data-model^='<']) th").all()
    assert [name.evaluate(lines) for name in names] == [1] * 6
    assert visit.faults == []

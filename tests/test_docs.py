"""Pages lead to what is there, and the site has a page for everything that is registered."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench import data, registry

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "datasets/*.md", "benchmarks/*.md", "results/*.md", "results/*/README.md")
    for page in ROOT.glob(pattern)
)


@pytest.fixture(scope="module")
def site() -> ModuleType:
    """docs/site.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_shell_takes_each_line_of_a_block_as_it_stands(page: Path) -> None:
    blocks = re.findall(r"^ *```\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    assert [line for line in lines if re.match(r"import |\w+ = |bench\.", line)] == []  # that is Python
    assert [line for line in lines if line.startswith("python -m bench") and re.search(r"\w\|\w", line)] == []  # pipes


def test_the_readme_fits_on_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


def test_everything_registered_has_a_page_with_what_it_declares(site: ModuleType) -> None:
    pages = dict(site.pages())
    for name in registry.names("metrics"):
        declared = registry.load("metrics", name).metric
        assert all(f"`{score}`" in pages[f"pages/metrics/{name}.md"] for score in declared.scores)
        assert declared.paper in pages[f"pages/metrics/{name}.md"]
    for name in registry.names("models"):
        assert "version: " in pages[f"pages/models/{name}.md"]
        assert f"(models/{name}.md): `{name}`" in pages["pages/models.md"]
    for name in data.packaged():
        assert data.card(name).citation.split()[0] in pages[f"pages/datasets/{name}.md"]
    assert "python -m bench run study=full" in pages["pages/studies/full.md"]
    assert "(studies/full.md): `full`" in pages["pages/studies.md"]
    assert "study.name=" not in pages["pages/studies/weak.md"].partition("## ")[0]


def test_every_study_that_ships_is_in_the_table_of_studies() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| [\d,]+", (ROOT / "docs" / "studies.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(rows) == sorted({path.stem for path in (ROOT / "conf" / "study").glob("*.yaml")} - {"custom"})


def test_links_to_the_repository_lead_to_pages_of_the_site_or_are_text(site: ModuleType) -> None:
    text = (
        "[a](docs/start.md) [b](CHANGELOG.md#unreleased) [c](LICENSE) [d](https://x.org) ![e](results/pictures/e.png)"
    )
    expected = "[a](start.md) [b](changes.md#unreleased) c [d](https://x.org) ![e](pictures/e.png)"
    assert site.relinked(text, "README.md", "index.md") == expected
    assert (
        site.relinked("[f](../datasets)", "docs/tutorials/t.md".replace("tutorials/", ""), "models.md")
        == "[f](data.md)"
    )
    assert site.relinked("[g](../scale.md)", "docs/tutorials/t.md", "tutorials/t.md") == "[g](../scale.md)"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    assert (tmp_path / "site" / "pages" / "metrics" / "mig" / "index.html").exists()
    shutil.rmtree(tmp_path / "site")


@pytest.mark.browser
def test_tables_of_the_site_are_as_wide_as_its_pages_or_less(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    playwright = pytest.importorskip("playwright.sync_api")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-d", str(tmp_path)], cwd=ROOT, check=True)
    wider = """[...document.querySelectorAll("article table")].filter(
        (table) => table.scrollWidth > (table.closest(".md-typeset__scrollwrap") ?? table).clientWidth + 1).length"""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for width in (1200, 1440):
            page = browser.new_page(viewport={"width": width, "height": 900})
            for file in sorted(tmp_path.rglob("index.html")):
                page.goto(file.as_uri())
                page.wait_for_selector("article h1")
                assert page.evaluate(wider) == 0, (width, file)


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads((ROOT / "docs" / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert set(names["board"]["model"]) == {"tcvae_full", "pca_of_pixels"}  # type: ignore[index]
    assert len(names["numbers"]) == 2 * 36  # type: ignore[arg-type]

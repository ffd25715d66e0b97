"""What `python -m bench list` prints."""

from pathlib import Path

import pytest

from bench import registry
from bench.cli.listing import list_names, metric_table
from bench.store.files import write_json
from bench.store.folders import Store


def test_studies_are_the_shipped_ones_and_those_of_the_store(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_json(Store(tmp_path).study_plan("mine"), {})
    assert list_names("studies", {"model": [], "study": ["custom", "quick", "small"]}, Store(tmp_path)) == 0
    assert capsys.readouterr().out.split() == ["quick", "small", "mine"]


def test_metrics_are_a_table_of_what_they_declare(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert list_names("metrics", {"model": [], "study": []}, Store(tmp_path)) == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert [len(row) for row in rows] == [len(head)] * len(registry.names("metrics"))
    assert set(rule) == {"|", "-"}
    (mig,) = [row for row in rows if row.startswith("| `mig`")]
    cells = [cell.strip() for cell in mig.strip("|").split("|")]
    assert cells == ["`mig`", "`mig`", "0..1", "higher", "study, information", "scale, sign", "1",
                     "Chen et al. 2018, arXiv:1802.04942"]  # fmt: skip


def test_a_headline_comes_first_and_other_ranges_after_a_semicolon() -> None:
    table = "\n".join(metric_table(["beta_vae_score", "unsupervised"]))
    assert "`beta_vae_test`, `beta_vae_train`" in table
    assert "`gaussian_wasserstein_normalised`; `gaussian_total_correlation`" in table
    assert "0..2; 0.." in table


def test_a_metric_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "modules", lambda kind: {"gone": "no_such_module"})
    assert "`gone`" in metric_table(["gone"])[2]
    assert "No module named 'no_such_module'" in metric_table(["gone"])[2]

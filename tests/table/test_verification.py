"""Scores are compared with recomputed ones up to a tolerance, and each difference is told in words."""

import pandas as pd

from bench.table.verification import Findings, compare

DONE = ("done", "")


def of(scores: dict[str, float | None], **other: object) -> pd.DataFrame:
    """A row for each score that is there; "name/factor" is one of a factor."""
    rows = []
    for title, score in scores.items():
        name, _, factor = title.partition("/")
        shared = {"run": "r", "cell": "c", "metric": "m", "num_train": 10, "num_test": 5}
        rows.append(shared | {"name": name, "factor": factor or None, "score": score} | other)
    return pd.DataFrame(rows).dropna(subset="score").astype({"factor": "category", "name": "category"})


def test_each_score_is_compared_by_a_tolerance_that_is_relative_above_one() -> None:
    said = {
        "a": 0.5,
        "b": 0.5,
        "c": 0.5,
        "d": 200.0,
        "e": 200.0,
        "f": -3.0,
        "g": -3.0,
        "h/shape": 0.1,
        "i": 0.2,
        "j": None,
    }
    again = {"a": 0.5, "b": 0.5049, "c": 0.4949, "d": 200.9, "e": 201.1, "f": -3.014, "g": -2.98, "h/shape": 0.2,
             "i": None, "j": 0.75}  # fmt: skip
    findings = Findings()
    compare(of(said), of(again), {("r", "c"): DONE}, findings)
    assert sorted(findings.wrong) == [
        "c of run r is 0.5 in the folder, and 0.4949 computed again",
        "e of run r is 200 in the folder, and 201.1 computed again",
        "g of run r is -3 in the folder, and -2.98 computed again",
        "h of shape of run r is 0.1 in the folder, and 0.2 computed again",
        "i of run r is 0.2 in the folder, and its metric gives no such score",
        "j of run r is not in the folder; computed again it is 0.75",
    ]
    assert findings.checked == ["9 scores of 1 run computed again: 1 equal, 3 within 0.005 (at most 0.0049 off)"]
    assert findings.unchecked == []


def test_rows_of_other_numbers_are_told_and_cells_without_scores_are_not_compared() -> None:
    table = pd.concat(
        [of({"a": 0.5}, run=run, cell=cell) for run, cell in (("r", "c"), ("s", "c"), ("t", "c"), ("t", "d"))]
    )
    table = table.assign(metric=["m", "m", "n", "o"])
    again = table.iloc[:2].assign(num_train=[10, 9])
    findings, outcomes = Findings(), {("r", "c"): DONE, ("s", "c"): DONE}
    outcomes |= {("t", "c"): ("skipped", "no two factors"), ("t", "d"): ("failed", "out of memory")}
    compare(table, again, outcomes, findings)
    assert findings.wrong == [
        "it has scores of n, which does not apply: no two factors",
        "a of run s does not rest on as many rows as the folder says",
    ]
    assert findings.unchecked == ["o: it failed here, out of memory"]
    assert findings.checked == ["2 scores of 2 runs computed again: 2 equal"]
    nothing = Findings()
    compare(table.iloc[3:], again.iloc[:0], outcomes, nothing)
    assert (nothing.wrong, nothing.checked) == ([], [])

"""Scores are pure functions of codes and factors; adding a metric changes no other number."""

import inspect
import sys

import numpy as np
import pytest

import bench
from bench import registry, score
from bench.data import load_data
from bench.registry import PluginError, UnknownNameError
from bench.scoring import codes as coding
from bench.scoring.runs import cells, evaluate
from bench.study.protocol import Protocol

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=1200) for n in (3, 4)], axis=1)
CODES = FACTORS + 0.3 * RNG.normal(size=FACTORS.shape)
METRICS = ["mig", "unsupervised", "factor_vae_score"]


def test_arrays_of_any_framework_are_scored() -> None:
    import pandas as pd
    import torch

    expected = score(CODES, FACTORS, METRICS)
    assert score(torch.from_numpy(CODES), torch.from_numpy(FACTORS), METRICS) == expected
    assert score(pd.DataFrame(CODES), pd.DataFrame(FACTORS), METRICS) == expected
    assert score(CODES.tolist(), FACTORS.tolist(), METRICS) == expected
    assert score(torch.from_numpy(CODES).requires_grad_() * 1, torch.from_numpy(FACTORS), METRICS) == expected
    assert score(Protocols(CODES), Protocols(FACTORS), METRICS) == expected
    assert score(Converted(CODES), Converted(FACTORS), METRICS) == expected


class Protocols:
    """An array of a library that speaks DLPack alone."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: object) -> object:
        return self.array.__dlpack__(**options)  # type: ignore[arg-type]

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


class Converted:
    """An array of a library that converts to numpy, as jax does."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return self.array


def test_what_is_no_array_is_named() -> None:
    for wrong in ([[1.0, 2.0], [3.0]], None, "codes"):
        with pytest.raises(ValueError, match=r"^codes (cannot be read as an array|must be real numbers)"):
            score(wrong, FACTORS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="factors cannot be read as an array"):
        score(CODES[:2], [[0, 1], [2]])


def test_scores_are_of_the_numbers_not_of_the_memory_they_lie_in() -> None:
    expected = score(CODES, FACTORS, METRICS)
    assert score(np.asfortranarray(CODES), FACTORS[::-1][::-1], METRICS) == expected
    frozen = CODES.copy(), FACTORS.astype(np.uint8)
    for array in frozen:
        array.flags.writeable = False
    assert score(*frozen, METRICS) == expected


def test_every_metric_that_applies_is_the_default() -> None:
    assert "beta_vae_test" in score(CODES[:200], FACTORS[:200])
    alone = score(CODES[:200], FACTORS[:200, :1])
    assert "mig" in alone
    assert "beta_vae_test" not in alone
    assert set(score(CODES)) == set(score(CODES, None, ["unsupervised", "active_dims", "sparsity"]))


@pytest.mark.parametrize(
    ("codes", "factors", "metrics", "message"),
    [
        (np.where(CODES > 3, np.nan, CODES), FACTORS, None, "codes has .* NaN"),
        (CODES, FACTORS + 0.5, None, "factors must be integers"),
        (CODES, FACTORS[:-1], None, "factors has 1,199 rows, the codes have 1,200"),
        (CODES[:1], FACTORS[:1], None, "1 row"),
        (CODES[:, 0], FACTORS, None, r"codes must be a non-empty \(N, D\) array, .*reshape\(-1, 1\)"),
        (CODES, FACTORS[:, 0], None, r"factors must be a non-empty \(N, F\) array, .*reshape\(-1, 1\)"),
        (CODES, FACTORS[:, :1], ["beta_vae_score"], "needs at least 2 factors of two values or more, got 1"),
        (CODES, None, ["mig"], "needs at least 1 factor of two values or more, got 0"),
    ],
)
def test_bad_input_is_named(codes: object, factors: object, metrics: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(codes, factors, metrics)  # type: ignore[arg-type]


def test_an_unknown_metric_is_offered_the_nearest() -> None:
    for wrong in (["meg"], "meg", ["mig", "meg"]):
        with pytest.raises(UnknownNameError, match="Did you mean 'mig'"):
            score(CODES, FACTORS, wrong)


def test_a_single_metric_needs_no_list() -> None:
    assert score(CODES, FACTORS, "mig") == score(CODES, FACTORS, ["mig"])


def test_what_was_skipped_is_told_with_the_reason() -> None:
    scores = score(CODES[:200], FACTORS[:200, :1])
    assert scores.skipped["modularity"] == "modularity needs at least 2 factors of two values or more, got 1"
    assert not scores.skipped.keys() & {"mig", "sap"}
    assert score(CODES, FACTORS, "mig").skipped == {}


def test_a_metric_that_cannot_be_imported_is_skipped_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.load

    def broken(kind: str, name: str) -> object:
        if name == "mig":
            raise PluginError("mig.py cannot be imported")
        return load(kind, name)

    monkeypatch.setattr(registry, "load", broken)
    monkeypatch.setattr(registry, "names", lambda kind: ["mig", "sparsity"])
    assert score(CODES, FACTORS).skipped == {"mig": "mig.py cannot be imported"}
    with pytest.raises(PluginError):
        score(CODES, FACTORS, "mig")


def test_progress_is_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score(CODES, FACTORS, METRICS)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    score(CODES, FACTORS, METRICS)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3 metrics" in shown.err


def test_help_opens_with_names_a_reader_knows() -> None:
    for function in (score, bench.encode):
        assert len(str(inspect.signature(function))) < 250
    assert {"encode", "load_data", "score", "scores"} <= set(dir(bench))


def test_a_constant_code_is_scored() -> None:
    values = score(np.zeros_like(CODES), FACTORS)
    assert np.isfinite(list(values.values())).all()
    assert values["mig"] == values["factor_vae_test"] == values["gaussian_total_correlation"] == 0


def test_adding_a_metric_changes_no_other_number() -> None:
    together = score(CODES, FACTORS, METRICS)
    for metric in METRICS:
        for name, value in score(CODES, FACTORS, [metric]).items():
            assert together[name] == value


def test_the_seed_decides_which_rows_are_drawn() -> None:
    noisy = CODES + RNG.normal(size=CODES.shape)
    first, same, other = (score(noisy, FACTORS, ["factor_vae_score"], seed=s) for s in (1, 1, 2))
    assert first == same != other


def test_too_few_rows_shrink_train_and_test_in_proportion() -> None:
    protocol = Protocol("p", None, None, 10_000, 5_000, ("mean",), (), {"downstream": {"num_rounds": 2}})
    (cell,) = cells(["downstream"], protocol)
    _, rows = evaluate(cell, CODES, FACTORS, "run")
    assert rows == {"num_train": 800, "num_test": 400}


def test_a_cells_key_tells_versions_sizes_and_options_apart() -> None:
    protocols = [
        Protocol("p", None, None, None, None, ("mean", "sampled"), (), {}),
        Protocol("p", 100, None, None, None, ("mean",), (), {}),
        Protocol("p", None, 7, None, None, ("mean",), (), {}),
        Protocol("p", None, None, None, None, ("mean",), (), {"mig": {"num_bins": 9}}),
    ]
    keys = [c.key for p in protocols for c in cells(["mig"], p)]
    assert len(set(keys)) == 5
    renamed = Protocol(**vars(protocols[0]) | {"name": "q"})
    assert [c.key for c in cells(["mig"], renamed)] == keys[:2]


def test_a_callable_is_encoded_and_its_faults_are_named() -> None:
    data = load_data("dsprites")
    index = np.arange(40)
    codes = coding.encode(lambda images: images.reshape(len(images), -1)[:, :3], data, index, batch_size=16)
    assert codes.mean.shape == (40, 3)
    assert codes.logvar is None
    with pytest.raises(coding.EncodingError, match="NaN"):
        coding.encode(lambda images: np.full((len(images), 2), np.nan), data, index)
    with pytest.raises(coding.EncodingError, match=r"\(40, D\)"):
        coding.encode(lambda images: images, data, index)


def test_sampled_codes_are_the_mean_plus_noise_of_their_own() -> None:
    codes = coding.Codes(np.zeros((5000, 2), np.float32), np.full((5000, 2), np.log(4), np.float32), np.arange(5000))
    sampled = codes.representation("sampled", "run")
    assert sampled.std() == pytest.approx(2, rel=0.05)
    assert (sampled == codes.representation("sampled", "run")).all()
    assert (sampled != codes.representation("sampled", "another")).any()


def test_the_pool_is_the_same_for_every_run() -> None:
    data = load_data("mnist")
    first, second = coding.pool(data, 500), coding.pool(data, 500)
    assert (first == second).all()
    assert len(np.unique(first)) == 500
    assert len(coding.pool(data, None)) == len(data)

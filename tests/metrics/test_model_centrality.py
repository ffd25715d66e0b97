"""ModelCentrality is that of the authors' code, and what its definition promises."""

from pathlib import Path

import numpy as np
import pytest

from bench.metrics.model_centrality import accuracy, binned, centrality, model_centrality, rows_in_bins, vote_counts

GOLDEN = Path(__file__).parents[1] / "golden"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2_000, 3))


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def test_votes_accuracies_and_scores_are_those_of_the_authors_code() -> None:
    codes, expected = golden("udr_models")["representations"].astype(float), golden("model_centrality")
    groups = list(zip(expected["group_rows"].astype(int), expected["group_labels"].astype(int), strict=True))
    votes = np.array([[vote_counts(x, rows, fixed) for rows, fixed in groups] for x in codes])
    assert (votes == expected["votes"].transpose(0, 1, 3, 2)).all()  # theirs have a row for each dim that is voted for
    accuracies = np.array([[accuracy(counts) for counts in of_model] for of_model in votes])
    np.testing.assert_allclose(accuracies, expected["cross"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(centrality(accuracies), expected["score"], rtol=0, atol=1e-9)


def test_golden_groups_are_of_rows_in_one_bin() -> None:
    codes, expected = golden("udr_models")["representations"].astype(float), golden("model_centrality")
    groups = zip(codes, expected["group_rows"], expected["group_labels"], strict=True)
    for x, rows, fixed in list(groups)[1:]:  # the first model has equal codes, which share a bin here
        bins = binned(x, 10)[rows.astype(int), fixed[:, None]]
        assert (bins == bins[:, :1]).all()


def test_rows_of_a_vote_share_the_bin_of_its_dimension() -> None:
    bins, fixed = binned(X, 10), np.arange(60) % 3
    rows = rows_in_bins(bins, fixed, 20, RNG)
    shared = bins[rows, fixed[:, None]]
    assert rows.shape == (60, 20)
    assert (shared == shared[:, :1]).all()
    assert len(np.unique(shared[:, 0])) == 10


def test_permuted_flipped_and_scaled_dimensions_are_told_apart_and_mixed_ones_are_not() -> None:
    same = model_centrality([X, -X[:, ::-1], X * 5 + 3])["model_centrality"]
    mixed = model_centrality([X, np.column_stack([X[:, 0] + X[:, 1], X[:, 0] - X[:, 1], X[:, 2]])])["model_centrality"]
    assert same.min() > 0.99
    assert mixed.max() < 0.75


def test_a_constant_dimension_has_no_vote_and_constant_codes_score_chance() -> None:
    dead = np.hstack([X, np.full((2_000, 1), 0.1)])
    assert not vote_counts(dead, rows_in_bins(binned(X, 10), np.arange(60) % 3, 20, RNG), np.arange(60) % 3)[:, 3].any()
    flat = np.zeros((100, 4))
    assert model_centrality([flat, flat])["model_centrality"].tolist() == [0.25, 0.25]


def test_bad_input_is_named() -> None:
    for codes, options, fault in [
        ([X], {}, "at least 2"),
        ([X, X[:-1]], {}, "one shape"),
        ([X, X * np.nan], {}, "codes of model 1 has 6000 NaN"),
        ([X, X], {"num_bins": 1}, "num_bins must be an integer of at least 2"),
        ([X, X], {"num_votes": 0}, "num_votes must be"),
        ([X, X], {"batch_size": 1}, "batch_size must be an integer of at least 2"),
    ]:
        with pytest.raises(ValueError, match=fault):
            model_centrality(codes, **options)  # type: ignore[arg-type]

"""Conventions of explicitness: form of the logistic regression, rows that are scored, whether chance scores 0."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DISENTANGLEMENT_LIB, JBOILARD, LATENT_QUANTIZATION, UBISOFT
from bench.conventions.unconverged import unconverged
from bench.conventions.unit_bins import unit_bins
from bench.metrics.base import check_codes, check_factors
from bench.metrics.explicitness import explicitness
from bench.metrics.infomec import infomec

BINS = 10
ITERATIONS = 100  # of a regression in latent_quantization, which then stops


def held_out(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    form: str = "one_vs_rest",
    scaled: bool = False,
) -> dict[str, float]:
    """The suite's score of the test rows; `scaled`: 2 area - 1, so that chance scores 0."""
    area = explicitness(train_codes, train_factors, test_codes, test_factors, form=form)["explicitness_test"]
    return {"explicitness_test": 2 * area - 1 if scaled else area}


def fitted(codes: ArrayLike, factors: ArrayLike, *, scaled: bool = False) -> dict[str, float]:
    """The suite's score of the training rows; `scaled`: 2 area - 1, so that chance scores 0."""
    area = explicitness(codes, factors, codes, factors)["explicitness_train"]
    return {"explicitness_train": 2 * area - 1 if scaled else area}


def balanced(
    codes: ArrayLike, factors: ArrayLike, *, bin_factors: bool = False, each_class: bool = False
) -> dict[str, float]:
    """One-vs-rest regressions with balanced classes and free intercepts on codes in [0, 1]; areas of training rows.

    The area of a class is that of its share in the sum of probabilities over classes, or, with `each_class`, that of
    its probability.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import minmax_scale

    x = minmax_scale(check_codes(codes, min_rows=2))
    classes = check_factors(factors, len(x))
    areas = []
    for labels in (unit_bins(classes, BINS) if bin_factors else classes).T:
        members = labels[:, None] == np.unique(labels)
        fit = LogisticRegression(class_weight="balanced").fit
        with unconverged():
            probabilities = np.stack([fit(x, m).predict_proba(x)[:, 1] for m in members.T], axis=1)
        shares = probabilities if each_class else probabilities / probabilities.sum(axis=1, keepdims=True)
        areas.append(roc_auc_score(members, shares))
    return {"explicitness_train": float(2 * np.mean(areas) - 1)}


def info_e(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """InfoE (Hsu et al. 2023): the share by which a regression on all dimensions reduces a factor's log loss."""
    return {"explicitness_train": infomec(codes, factors, iterations=ITERATIONS)["infomec_explicitness"]}


CONVENTIONS = (
    Convention("explicitness", OURS, held_out,
               "area under ROC in test rows, of one-vs-rest regressions on standardised codes that penalise intercepts "
               "(liblinear)", beside="", reads="split"),
    Convention("explicitness", "disentanglement_lib", held_out, "nothing: as scikit-learn before 0.22 fitted it",
               by=DISENTANGLEMENT_LIB, reads="split"),
    Convention("explicitness", "disentanglement_lib.multinomial", partial(held_out, form="multinomial"),
               "the same code under scikit-learn since 0.22: one multinomial regression, free intercepts",
               beside="disentanglement_lib", by=DISENTANGLEMENT_LIB, reads="split"),
    Convention("explicitness", "jboilard", partial(held_out, form="multinomial", scaled=True),
               "chance is 0: 2 area - 1", beside="disentanglement_lib.multinomial", by=JBOILARD, reads="split"),
    Convention("explicitness", "disentanglement_lib.train", fitted, "area in the training rows",
               beside="disentanglement_lib", by=DISENTANGLEMENT_LIB),
    Convention("explicitness", "bench.rescaled", partial(fitted, scaled=True), "chance is 0: 2 area - 1",
               beside="disentanglement_lib.train"),
    Convention("explicitness", "ubisoft.classes", balanced,
               "codes in [0, 1], classes balanced, intercepts free", beside="bench.rescaled", by=UBISOFT, reads="all"),
    Convention("explicitness", "ubisoft", partial(balanced, bin_factors=True), "factors are put in 10 bins",
               beside="ubisoft.classes", by=UBISOFT, reads="all"),
    Convention("explicitness", "ubisoft.each_class", partial(balanced, each_class=True),
               "the area of a class's own probability, not of its share among those of all classes (impl=2)",
               beside="ubisoft.classes", by=UBISOFT, reads="all"),
    Convention("explicitness", "latent_quantization", info_e,
               "InfoE: the share of the log loss that a multinomial regression without a penalty takes away, classes "
               "balanced, 100 iterations, training rows", by=LATENT_QUANTIZATION),
)  # fmt: skip

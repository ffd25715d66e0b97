"""Tables of format 1: the strength index was called `strength`, and there was no column `hyperparameter`."""

from typing import TYPE_CHECKING

import numpy as np

from bench.columns import COLUMNS
from bench.study.given import LABEL
from bench.study.learner import swept

if TYPE_CHECKING:
    import pandas as pd

FORMER = {"strength_index": "strength"}  # column -> its name in format 1
NEW = ("hyperparameter",)  # columns that format 1 does not have


def with_hyperparameters(table: "pd.DataFrame") -> "pd.DataFrame":
    """Add the hyper-parameter that each model of the suite sweeps; missing for other models and for given codes."""
    import pandas as pd

    models = table["model"].cat
    names = [swept(model) for model in models.categories]
    swept_names = sorted({name for name in names if name is not None})
    places = np.array([*(-1 if name is None else swept_names.index(name) for name in names), -1])  # last: no model
    of_suite = table["value"].notna() & table["schedule"].ne(LABEL)
    codes = np.where(of_suite, places[models.codes], -1)
    words = pd.CategoricalDtype(pd.Index(swept_names, dtype="str"))
    return table.assign(hyperparameter=pd.Categorical.from_codes(codes, dtype=words))[list(COLUMNS)]

"""Tables of format 1: the strength index was called `strength`, and what a model sweeps was not named."""

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
    """The table with the name of what each model of the suite sweeps; missing of other models, and of given codes."""
    import pandas as pd

    models = table["model"].cat
    names = [swept(model) for model in models.categories]
    known = sorted({name for name in names if name is not None})
    places = np.array([*(-1 if name is None else known.index(name) for name in names), -1])  # the last: no model
    told = table["value"].notna() & table["schedule"].ne(LABEL)
    codes = np.where(told, places[models.codes], -1)
    words = pd.CategoricalDtype(pd.Index(known, dtype="str"))
    return table.assign(hyperparameter=pd.Categorical.from_codes(codes, dtype=words))[list(COLUMNS)]

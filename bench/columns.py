"""The schema of the long score table, as types of pandas and of parquet.

| column | meaning |
|---|---|
| run | run id |
| model, seed, dataset, schedule | the run |
| hyperparameter | name of what the model sweeps, such as beta; missing: it sweeps nothing, or comes from elsewhere |
| strength_index, value | index into the model's published values; the value of the hyper-parameter |
| representation | mean, sampled, or held_out (means of images that training never draws); missing: a score of the run |
| metric, version | what computed the score |
| name | the score, such as "dci_disentanglement" |
| factor | the factor it is for; missing: all factors together |
| score | its value |
| num_train, num_test | rows it rests on (num_train alone where nothing is held out) |
| cell | key of (metric, version, representation, sizes, options), or of these and the runs that are compared |
| seconds | wall time of the cell |
| device, train_seconds | where the run was trained; its share of the wall time of those that trained together |
| versions, revision | packages and git revision behind the training; missing where they were not recorded |

Rows of the metric "training" are the end of a run's losses: training_reconstruction, training_kl (nats an image, lower
is better) and training_elbo = -(reconstruction + kl), means over the logged steps of the last fifth of training;
num_train is the number of images in them. Fitted learners have none. Those of the trained model are the metric "elbo".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = {
    "run": "category",
    "model": "category",
    "hyperparameter": "category",
    "strength_index": "Int64",
    "value": "float64",
    "seed": "int64",
    "dataset": "category",
    "schedule": "category",
    "representation": "category",
    "metric": "category",
    "version": "int64",
    "name": "category",
    "factor": "category",
    "score": "float64",
    "num_train": "int64",
    "num_test": "int64",
    "cell": "category",
    "seconds": "float64",
    "device": "category",
    "train_seconds": "float64",
    "versions": "category",
    "revision": "category",
}
OUTCOME = {"state": "category", "reason": "category"}  # a cell's state (done, skipped or failed), and the reason
OF_RUN = (
    "run", "model", "hyperparameter", "strength_index", "value", "seed", "dataset", "schedule",
    "device", "train_seconds", "versions", "revision",
)  # fmt: skip
OF_CELL = ("representation", "metric", "version", "name", "factor", "num_train", "num_test", "cell", *OUTCOME)


def arrow_schema(columns: Mapping[str, str]) -> "pa.Schema":
    """The same columns for parquet; text is dictionary-encoded."""
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {"category": text, "Int64": pa.int64(), "int64": pa.int64(), "float64": pa.float64()}
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def coded(column: "pa.ChunkedArray") -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """A text column as indices into its distinct words, -1 where text is missing, and those words."""
    joined = column.unify_dictionaries().combine_chunks()
    codes = joined.indices.fill_null(-1) if joined.null_count else joined.indices
    return codes.to_numpy(), np.array(joined.dictionary.to_pylist(), dtype=object)


def categorical(column: "pa.ChunkedArray") -> "pd.Categorical":
    """A text column as a categorical of the words that are used, in alphabetical order."""
    import pandas as pd

    codes, words = coded(column)
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(words) + 1)[1:])
    used = used[np.argsort(words[used])]
    places = np.full(len(words) + 1, -1, dtype=np.int16 if len(words) < 2**15 else np.int32)
    places[used] = np.arange(len(used))
    return pd.Categorical.from_codes(places[codes], dtype=pd.CategoricalDtype(pd.Index(words[used], dtype="str")))


def with_text(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows with plain text for categories: for the small tables that an analysis works on."""
    return rows.astype(dict.fromkeys(rows.select_dtypes("category"), "str"))

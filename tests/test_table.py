"""Final losses become scores; a file of losses that cannot be read is named."""

from pathlib import Path

import pytest

from bench.store import Store, StoreError, write_json
from bench.table import scores

CONFIG = {
    "id": "r", "model": {"name": "beta_vae"}, "strength": 0, "value": 1.0, "seed": 0, "dataset": {"name": "dsprites"},
    "schedule_label": "quick", "schedule": {"batch_size": 32},
}  # fmt: skip


def store_of(losses: str, tmp_path: Path) -> Path:
    folder = Store(tmp_path).run("r")
    write_json(folder.config, CONFIG)
    write_json(folder.done, {})
    folder.losses.write_text(losses)
    return folder.losses


def test_final_losses_are_means_over_the_last_fifth_of_training(tmp_path: Path) -> None:
    steps = [(1, 700, 0), (80, 50, 9), (90, 31, 10), (100, 29, 12)]
    store_of("step,loss,reconstruction,kl\n" + "".join(f"{s},0,{r},{k}\n" for s, r, k in steps), tmp_path)
    found = scores(results_dir=tmp_path).set_index("name")
    assert found["score"].to_dict() == {"reconstruction": 30, "kl": 11, "elbo": -41}
    assert set(found["num_train"]) == {64}
    assert set(found["metric"]) == {"training"}


@pytest.mark.parametrize(
    "text", ["", "step,loss\n1,2\n", "step,loss,reconstruction,kl\n1,2,3\n", "step,reconstruction,kl\n"]
)
def test_damaged_losses_are_named(text: str, tmp_path: Path) -> None:
    path = store_of(text, tmp_path)
    with pytest.raises(StoreError, match=r"cannot read .*losses\.csv"):
        scores(results_dir=tmp_path)
    assert path.exists()

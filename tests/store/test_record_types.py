"""What is written down of a run says which run it is, and is read back as what it was."""

import json

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench.cli import keys
from bench.store import shipped
from bench.store.files import StoreError
from bench.store.record_types import ConfigRecord, DoneRecord, Name, checked, identity, parsed, read_record
from bench.study.given import GivenCodes
from bench.study.grid import plan
from bench.study.run import Schedule
from bench.training.train import provenance
from bench.values import ConfigError


@pytest.mark.parametrize("study", keys.options("study"))
def test_the_record_of_every_run_of_a_shipped_study_has_its_id(study: str) -> None:
    with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
        settings = OmegaConf.to_container(compose("config", [f"study={study}"]), resolve=True)
    for run in plan(settings).runs[::7]:  # type: ignore[arg-type]
        assert identity(parsed(json.dumps(run.record()).encode(), ConfigRecord)) == run.id


@pytest.mark.parametrize("setting", [(None, None), (2, None), (None, 0.1), (1, 1e-7)])
def test_the_record_of_codes_from_elsewhere_has_their_id(setting: tuple[int | None, float | None]) -> None:
    for dataset, version in (("dsprites", 1), ("custom", None)):
        codes = GivenCodes("mine", 3, dataset, version, "0" * 64, "caf\u00e9.npz", *setting)
        assert identity(parsed(json.dumps(codes.record()).encode(), ConfigRecord)) == codes.id


def test_what_is_behind_a_run_is_read_back() -> None:
    record = provenance() | {"device": "NVIDIA H200", "seconds": 1.5, "fleet": 32}
    assert parsed(json.dumps(record).encode(), DoneRecord) == record


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], r"it is \[\], not keys and values"),
        ({"device": "cpu"}, "it lacks seconds"),
        ({"device": "cpu", "seconds": "1", "versions": {}}, "seconds is '1', not seconds"),
        (
            {"device": "cpu", "seconds": 1, "versions": {"torch": None}},
            "versions.torch is None, not one",
        ),
        ({"device": "cpu", "seconds": 1, "versions": {"a b": "2"}}, "versions has a key that is 'a b', not a name"),
        ({"device": "x" * 10_000, "seconds": 1, "versions": {}}, r"device is 'x+\.\.\., not one printable line"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content: object, told: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=f"^{told}"):
        checked(content, DoneRecord)
    (tmp_path / "done.json").write_text(json.dumps(content))
    with pytest.raises(StoreError, match=rf"cannot read .*done\.json: {told}"):
        read_record(tmp_path / "done.json", DoneRecord)


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "a b", "<b>", "=x", "é", "a\n", "x" * 101])
def test_names_are_letters_digits_dots_dashes_and_underscores(name: str) -> None:
    checked("beta-VAE_2.0", Name)
    with pytest.raises(ValueError, match="not a name"):
        checked(name, Name)


@pytest.mark.parametrize("name", ["<b>", "=1+1", "a\nb", "\x1b[31m"])
def test_a_schedule_whose_name_no_reader_would_take_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.name must be one printable line"):
        Schedule(30, 8, 1e-3, 32, "small", 6, 1, name, 10, 5)

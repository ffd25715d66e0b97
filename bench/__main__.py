"""`python -m bench STAGE [hydra overrides]`: the command line, and the only module that imports Hydra."""

import logging
import re
import sys
from tempfile import TemporaryDirectory
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from bench import data, store
from bench.registry import PluginError, UnknownNameError, unknown

STAGES = ("run", "train", "score", "analyze", "report", "export", "merge", "status", "data", "list", "check",
          "question")  # fmt: skip
HELP = """usage: python -m bench STAGE [key=value ...] [--dry-run] [-m] [--cfg job]

stages
  run      train, score, analyze, report: all that is missing of a study
  train    train the study's missing runs
  score    compute the missing scores of its trained runs
  analyze  tables and figures from its scores
  report   pictures of its models, the summary and the leaderboard (--open shows it in the browser)
  export   write the score table as parquet and csv, and with a card to be handed on without its runs
  merge    add an exported table to the reference table (merge FOLDER)
  status   count its runs and scores: done, failed, missing
  data     fetch, verify and draw the data sets (dataset=NAME chooses)
  list     names of models, metrics, datasets or studies
  check    the contract of a metric and a picture of how it behaves (metric=NAME chooses)
  question a question about representations, answered by a picture (what=NAME; without a name: lists them)

examples
  python -m bench run study=quick
  python -m bench run model=beta_vae strength=[0,3] seed=[0,1] dataset=dsprites trainer.steps=200
  python -m bench score codes=mine.npz name=mine   puts arrays codes, factors[, logvar] in the score table
  python -m bench train study=locatello2019 --dry-run       shows the jobs, about how long they take, and their commands
  python -m bench analyze study=quick compare=[beta_vae,dip_vae_i]
  python -m bench list metrics
  python -m bench run study=quick --cfg job     shows the composed configuration
"""


def main(arguments: list[str] | None = None) -> None:
    """The command line's entry point."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP)
        return
    try:
        sys.argv = ["bench", *_hydra_words(words)]
    except _user_errors() as fault:
        sys.exit(f"{type(fault).__name__}: {fault}")
    with TemporaryDirectory() as scratch:  # where Hydra notes what a sweep (-m) was asked for
        sys.argv.append(f"hydra.sweep.dir={scratch}")
        _hydra_main()
    sys.exit(_exit_code)


_exit_code = 0


def _user_errors() -> tuple[type[Exception], ...]:
    """Errors that say by themselves what is wrong: shown as one line, without a traceback."""
    from bench.data.base import DataError
    from bench.grid import ConfigError
    from bench.launch.base import LaunchError
    from bench.models.base import ModelError
    from bench.training.loggers import LoggerError

    return (
        UnknownNameError,
        PluginError,
        ConfigError,
        ModelError,
        DataError,
        store.StoreError,
        LoggerError,
        LaunchError,
    )


def _hydra_words(words: list[str]) -> list[str]:
    """`STAGE [what] overrides` as Hydra overrides, with a did-you-mean for every unknown name.

    Raises:
        UnknownNameError: no such stage, key or group option.
    """
    stage, *rest = words
    if stage not in STAGES:
        raise unknown("stage", stage, STAGES)
    if stage in ("list", "question") and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        rest[0] = f"what={rest[0]}"
    if stage == "merge" and rest and not re.match(r"[a-z_.]+=", rest[0]):
        quoted = rest[0].replace("'", r"\'")
        rest[0] = f"folder='{quoted}'"
    if stage == "data" and not any(w.startswith("dataset=") for w in rest):
        rest.append(f"dataset=[{','.join(data.names())}]")
    if any(w.startswith("codes=") for w in rest) and not any(w.startswith("dataset=") for w in rest):
        rest.append(f"dataset={data.CUSTOM}")
    if stage == "check":
        rest = [re.sub(r"^metric=([\w,]*,[\w,]*)$", r"metric=[\1]", w) for w in rest]
    if stage in ("run", "report"):
        rest = ["open=true" if w == "--open" else w for w in rest]
    if any(w.startswith("strength=") for w in rest):
        rest.append("strength_of=null")  # what is asked for on the command line is asked of every model
    rest = ["dry_run=true" if w == "--dry-run" else w for w in rest]
    foreign = any(w.startswith("hydra.searchpath=") for w in rest)  # then there are options that are not shipped
    for word in rest:
        if (match := re.fullmatch(r"([a-z_]+)=(.*)", word)) and not foreign:
            _check_override(*match.groups())
    overrides = [w for w in rest if re.match(r"[^-].*=|~", w)]
    flags = [w for w in rest if w not in overrides]
    return [*flags, f"stage={stage}", *overrides]  # Hydra takes flags first


def _check_override(key: str, value: str) -> None:
    groups = sorted(p.name for p in store.conf_dir().iterdir() if p.is_dir())
    keys = {*groups, *_top_level_keys()}
    if key not in keys:
        raise unknown("key", key, keys)
    if key in groups:
        options = group_options(key)
        for name in re.findall(r"[\w.-]+", value):
            if name not in options:
                raise unknown(key, name, options)


def _top_level_keys() -> set[str]:
    files = [store.conf_dir() / "config.yaml", store.conf_dir() / "study" / "custom.yaml"]
    return {k for f in files for k in yaml.safe_load(f.read_text(encoding="utf-8"))} - {"defaults", "hydra"}


def group_options(group: str) -> list[str]:
    """The shipped options of a configuration group, such as the studies."""
    return sorted(p.stem for p in (store.conf_dir() / group).glob("*.yaml"))


@hydra.main(version_base="1.3", config_path=str(store.conf_dir()), config_name="config")
def _hydra_main(config: DictConfig) -> None:
    from bench import commands

    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.handlers = [logging.StreamHandler()]
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    task = list(HydraConfig.get().overrides.task)
    settings["overrides"] = task
    settings["given"] = {key: value for key, _, value in (word.partition("=") for word in task) if key != "stage"}
    settings["shipped"] = HydraConfig.get().runtime.choices["study"] != "custom"
    global _exit_code
    try:
        code = commands.perform(settings, {g: group_options(g) for g in ("model", "study")})
    except _user_errors() as fault:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)
        code = 1
    _exit_code = max(_exit_code, code)  # of several jobs (-m) none ends the others


if __name__ == "__main__":
    main()

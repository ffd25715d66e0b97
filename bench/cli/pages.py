"""The help pages of the command line, for all stages and for one, and the version."""

import sys
from collections.abc import Iterable
from pathlib import Path

import bench
from bench.cli.keys import comments
from bench.cli.stages import FLAGS, OTHERS, STAGES
from bench.store import shipped

EXAMPLES = (
    ("run study=quick", ""),
    ("run model=beta_vae strength=[0,3] seed=[0,1] dataset=dsprites trainer.steps=200 study.name=mine", ""),
    ("score codes=mine.npz name=mine", "puts arrays codes, factors[, logvar] in the score table"),
    ("train study=locatello2019 --dry-run", "shows the jobs, about how long they take, and their commands"),
    ("compare beta_vae,dip_vae_i study=quick", ""),
    ("watch study=quick", "in another terminal: how far it is"),
    ("claim 'factor_vae > beta_vae on mig, dsprites'", "by the reference study"),
    ("list metrics", ""),
    ("run study=quick --cfg job", "shows the composed configuration"),
)
BELOW = {"study.name": "name of the study; its figures, tables and summary are stored under this name"}


def program() -> str:
    """The name that the program was called by."""
    path = Path(sys.argv[0])
    return "python -m bench" if path.name in ("__main__.py", "-m", "-c", "") else path.name


def version() -> str:
    """Name, version and, in a checkout, the git revision."""
    revision = shipped.revision()
    return f"disentanglement-bench {bench.__version__}" + (f" ({revision})" if revision else "")


def help_page(stage: str | None = None) -> str:
    """The help page of all stages (None), or of one stage and its keys."""
    return _overview() if stage is None else _of_stage(stage)


def _overview() -> str:
    stages = [(name, stage.does) for name, stage in STAGES.items()]
    examples = [(f"{program()} {words}", comment) for words, comment in EXAMPLES]
    lines = [f"usage: {program()} STAGE [key=value ...] [--dry-run] [-m] [--cfg job]", "", "stages"]
    lines += _columns([*stages, *OTHERS.items()])
    lines += ["", "examples", *(f"  {words}{f'   # {comment}' if comment else ''}" for words, comment in examples)]
    return "\n".join(lines)


def _of_stage(name: str) -> str:
    stage = STAGES[name]
    takes = f"[{stage.takes.upper()}] " if stage.takes else ""
    keys = [(key, BELOW.get(key) or comments().get(key, "")) for key in stage.keys]
    flags = [(flag, description) for flag, description in FLAGS.items() if flag not in ("-h", "-V", "--multirun")]
    lines = [f"usage: {program()} {name} {takes}[key=value ...]", "", f"  {stage.does}", "", "keys"]
    lines += _columns([(f"{key}=", description) for key, description in keys if description])
    return "\n".join([*lines, "", "flags", *_columns(flags), "", "example", f"  {program()} {name} {stage.example}"])


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    width = max(len(left) for left, _ in rows)
    return [f"  {left.ljust(width)}  {right}" for left, right in rows]

"""The stages of the command line: what each does, the keys that matter to it, and an example."""

from collections.abc import Mapping
from dataclasses import dataclass

GRID = ("study", "study.name", "model", "strength", "strength_of", "seed", "dataset", "sampling", "trainer")
SCORED = ("scoring", "metric")
BOARD = ("rank_by", "rank_set", "level")
WORKERS = ("launcher", "device", "processes", "retry_failed")


@dataclass(frozen=True)
class Stage:
    """A first word of the command line.

    Attributes:
        does: what it does, in a line.
        keys: those that matter to it.
        example: its other words, in an example.
        takes: the key whose value may stand alone as the second word.
    """

    does: str
    keys: tuple[str, ...]
    example: str
    takes: str | None = None


STAGES: Mapping[str, Stage] = {
    "run": Stage(
        "train, score, floors, analyze, report: all that is missing of a study",
        (*GRID, *SCORED, "logger", *WORKERS, "checkpoint", *BOARD, "open", "dry_run", "results_dir"),
        "study=quick",
    ),
    "train": Stage(
        "train the study's missing runs",
        (*GRID, "logger", *WORKERS, "checkpoint", "dry_run", "results_dir"),
        "model=beta_vae strength=[0,3] seed=0..4 dataset=dsprites trainer.steps=200",
    ),
    "score": Stage(
        "compute the missing scores of its trained runs, or of codes from elsewhere",
        (*GRID, *SCORED, *WORKERS, "codes", "name", "dry_run", "results_dir"),
        "codes=mine.npz name=mine",
    ),
    "floors": Stage(
        "what its metrics say of noise, of a constant and of a collapsed code, under its protocol",
        (*GRID, *SCORED, "processes", "results_dir"),
        "study=quick",
    ),
    "analyze": Stage(
        "tables and figures from its scores",
        (*GRID, *SCORED, "compare", "processes", "folder", "results_dir"),
        "study=quick",
    ),
    "compare": Stage(
        "two models or codes of a study, or two studies, by rank correlation (compare A,B)",
        ("compare", "study", "study.name", "folder", "results_dir"),
        "beta_vae,dip_vae_i study=quick",
        "compare",
    ),
    "claim": Stage(
        "whether one model scores higher than another, by the runs of a study (by default, reference)",
        ("claim", "study", "study.name", "results_dir"),
        "'factor_vae > beta_vae on mig, dsprites'",
        "claim",
    ),
    "choose": Stage(
        "which runs to take without factors, and what that costs where factors are known",
        ("study", "study.name", "rank_by", "folder", "results_dir"),
        "study=weak",
    ),
    "report": Stage(
        "pictures of its models, the summary and the leaderboard (--open shows it in the browser)",
        (*GRID, *SCORED, *BOARD, "open", "processes", "folder", "results_dir"),
        "study=quick --open",
    ),
    "export": Stage(
        "write the score table as parquet and csv, and with a card to be handed on without its runs",
        (*GRID, *SCORED, "folder", "results_dir"),
        "study=quick",
    ),
    "merge": Stage(
        "add an exported table to the reference table (merge FOLDER); merge --undo takes the last one back",
        ("folder", "undo", "replace", "results_dir"),
        "FOLDER",
        "folder",
    ),
    "submit": Stage(
        "make a folder of scores for the public board: of codes=FILE, or of a study",
        ("codes", "name", "dataset", "seed", "strength", "study", "study.name", "contact", "paper", "code",
         "with_codes", "folder", *SCORED, "processes", "results_dir"),
        "codes=mine.npz name=mine dataset=dsprites scoring=published with_codes=true",
    ),
    "verify": Stage(
        "check a submission, and compute its scores again from codes or weights, where they are (verify FOLDER)",
        ("folder", "codes", "device", "processes", "results_dir"),
        "submission-mine",
        "folder",
    ),
    "board": Stage(
        "the public board as pages: the reference table and the submissions that were accepted",
        ("folder", "results_dir"),
        "folder=site/board",
    ),
    "ship": Stage(
        "add the study's finished runs to the trained models that ship, in half precision (folder=DIR: elsewhere)",
        (*GRID, "folder", "results_dir"),
        "study=full",
    ),
    "status": Stage(
        "count its runs and scores: done, failed, missing", (*GRID, *SCORED, "results_dir"), "study=quick"
    ),
    "watch": Stage(
        "how far it is while others work on it: rates, time left, losses, failures (ctrl-C ends it)",
        (*GRID, *SCORED, "results_dir"),
        "study=quick",
    ),
    "data": Stage(
        "fetch, verify and draw the data sets (dataset=NAME chooses); data add, list, remove: those of your own",
        ("dataset", "accept", "what", "name", "images", "labels", "factors", "classes", "size", "fit", "channels",
         "background", "array", "range", "sampling", "results_dir"),
        "add name=mine images=FOLDER labels=LABELS.csv size=64",
        "what",
    ),
    "list": Stage("names of models, metrics, datasets, studies or trained models", ("what",), "trained", "what"),
    "check": Stage(
        "the contract of a metric and a picture of how it behaves (metric=NAME chooses)",
        ("metric", "results_dir"),
        "metric=mig",
    ),
    "question": Stage(
        "a question about representations, answered by a picture (without a name: lists them)",
        ("what", *GRID, "results_dir"),
        "identifiability study=questions",
        "what",
    ),
}  # fmt: skip
OTHERS: Mapping[str, str] = {
    "help": "this page; help STAGE, or STAGE --help: the keys of a stage",
    "version": "version and revision",
    "completion": "a script that completes words in a shell (completion bash|zsh|fish)",
}

# The stages of a study follow each other with the same words, so that each may be given the keys of all; a folder is of
# the one that writes it.
OF_STUDIES = {key for n in ("run", "train", "score", "floors", "analyze", "report", "choose") for key in STAGES[n].keys}
OF_STUDIES -= {"folder"}
FLAGS: Mapping[str, str] = {
    "--dry-run": "show what would be done and about how long it takes, and do nothing (run, train, score, data add)",
    "--open": "show the leaderboard in the browser (run, report)",
    "--undo": "take the last merge back (merge)",
    "-m": "several commands: a,b range(0,3) glob(*vae*) are one after another",
    "--multirun": "the same as -m",
    "--cfg": "--cfg job shows the composed configuration, and does nothing",
    "-h": "the same as --help",
    "--help": "keys and an example of the stage",
    "-V": "the same as --version",
    "--version": "version and revision",
}

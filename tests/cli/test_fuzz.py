"""Whatever the words are, they make a plan or an error that says what is wrong in one line."""

import random

from bench.__main__ import _user_errors, compose_all
from bench.cli import keys
from bench.cli.words import read
from bench.study.grid import plan

COMMANDS = [
    ["run", "study=quick"],
    [
        "train",
        "model=beta_vae",
        "strength=[0,3]",
        "seed=0..4",
        "dataset=dsprites",
        "trainer.steps=200",
        "study.name=mine",
    ],
    ["score", "codes=a.npz", "name=mine"],
    ["report", "rank_by=mig", "--open"],
    ["run", "-m", "model=pca,ica", "seed=range(0,3)"],
    ["analyze", "study=quick", "compare=[a,b]"],
    ["run", "model=factor_vae", "trainer.updates=published"],
    ["status", "strength_of={beta_vae: [0]}", "trainer={steps: 3}"],
    ["run", "launcher=slurm", "launcher.gpus=1", "launcher.sbatch={account: x}"],
    ["run", "model=annealed_vae", "scoring.options.downstream.train_sizes=[10]"],
    ["merge", "folder", "results_dir=x"],
    ["list", "models"],
]
KEYS = [
    *keys.shipped(), "stage", "x", "", "model.beta_vae.hyper.beta", "model.beta_vae.version", "model.beta_vae.values",
    "model.annealed_vae.hyper.threshold", "model.factor_vae.published_updates", "scoring.options.mig",
    "scoring.options.nope", "strength_of.beta_vae", "launcher.sbatch.x", "hydra.searchpath", "hydra/launcher",
    "model@x", "seed.0",
]  # fmt: skip
VALUES = [
    "", "null", "~", "-1", "0", "1.5", "1e9999", "nan", "9" * 400, "9" * 5000, "true", "abc", "[]", "[[]]", "{}",
    "{a: {b: 1}}", "[null]", "'", "[", "a,b", "range(0,1e18)", "glob(*)", "interval(0,1)", "sort(1,2)", "${x}",
    "${seed}", "???", "0..3", "3..0", "0..99999999999", "\u65e5", "a b", "\n", "\\", "#", "../x",
    "x" * 300, "1e3", "[0.5,nan]",
    "extend_list(1)", "pca", "all", "quick", "[quick]", "[-1]", "[" * 300, "{a: " * 200, "\x01", "1e-400", "1e13",
]  # fmt: skip
WORDS = ["", "-", "--", "=x", "--cfg", "--cfg=job", "-m", "--open", "~", "~seed", "~scoring.options.dci", "model"]


def mutated(chance: random.Random) -> list[str]:
    """A command line with a few words added, changed or broken."""
    words = list(chance.choice(COMMANDS))
    for _ in range(chance.choice([1, 1, 2, 3])):
        place = chance.randrange(len(words))
        match chance.randrange(4):
            case 0:
                words.append(chance.choice(["", "", "+", "++", "~"]) + f"{chance.choice(KEYS)}={chance.choice(VALUES)}")
            case 1:
                words[place] = words[place].partition("=")[0] + f"={chance.choice(VALUES)}"
            case 2:
                cut = chance.randrange(len(words[place]) + 1)
                words[place] = (
                    words[place][:cut] + chance.choice("abz=,.[]{}()'\"\\$~+-/ :#0") + words[place][cut + 1 :]
                )
            case 3:
                words.insert(place, chance.choice(WORDS))
    return words


def outcome(words: list[str]) -> str:
    """What becomes of a command line: "plan", or what is told instead."""
    try:
        plan(next(compose_all(read(words))))
    except _user_errors() as fault:
        return str(fault)
    return "plan"


def test_any_words_make_a_plan_or_are_told_what_is_wrong() -> None:
    chance = random.Random(2019)
    told = []
    for _ in range(300):
        words = mutated(chance)
        try:
            told.append(outcome(words))
        except Exception as fault:
            raise AssertionError(f"{words} ends with {type(fault).__name__}: {fault}") from fault
    assert all(told)
    assert 20 < told.count("plan") < 200

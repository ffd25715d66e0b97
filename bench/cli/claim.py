"""`python -m bench claim 'A > B on SCORE'`: a verdict on a claim, or on a file of claims, by the scores of a study."""

from pathlib import Path

import yaml

from bench.analysis.pairs.claims import Claim, read_claim, sentence, weigh
from bench.analysis.published.printed import printed
from bench.progress import show
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.table.scores import study_scores
from bench.values import ConfigError

REFERENCE = "reference"
ENDINGS = (".yaml", ".yml")


def judge(text: str | None, study: str | None, store: Store) -> int:
    """Print a verdict on each claim; the exit code is 1 if one is contradicted, open or cannot be judged.

    Args:
        text: a claim, or the path of a yaml file with a list of them.
        study: name of the study whose scores are read; None: the reference study.
        store: where its scores are.

    Raises:
        ConfigError: no claim, or one of another form than `A > B on SCORE`.
        StoreError: a file of claims cannot be read.
    """
    claims = read_claims(text)
    table = study_scores(study or REFERENCE, store)[0]
    all_supported = True
    for claim in claims:
        for verdict in weigh(claim, table):
            show(sentence(claim, verdict))
            all_supported &= verdict.word == "supported"
            sides = [(side.model, side.value) for side in (claim.more, claim.less)]
            for numbers in printed(sides[0], sides[1], verdict.score, verdict.dataset):
                show(f"  printed: {numbers.more:.3f} and {numbers.less:.3f}, {numbers.where}")
    return 0 if all_supported else 1


def read_claims(text: str | None) -> list[Claim]:
    """The claims that a word gives: itself, or those in the yaml file that it names."""
    if text is None:
        raise ConfigError("claim takes one: python -m bench claim 'factor_vae > beta_vae on mig, dsprites'")
    if not text.endswith(ENDINGS):
        return [read_claim(text)]
    try:
        listed = yaml.safe_load(Path(text).expanduser().read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as fault:
        raise StoreError(f"cannot read {text}: {fault}") from fault
    if not isinstance(listed, list) or not listed or not all(isinstance(line, str) for line in listed):
        raise ConfigError(f"{text} must hold a yaml list of claims, a line of text each")
    return [read_claim(line) for line in listed]

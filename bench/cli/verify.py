"""`verify FOLDER`: checks a submission, and computes its scores again from the codes or weights that are available."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench import data
from bench.launch.local import score, score_groups
from bench.pool import Pool
from bench.progress import show
from bench.scoring import foreign
from bench.scoring.runs import cell_records, state
from bench.store.files import StoreError, printable, sha256_of
from bench.store.folders import Store
from bench.study.command import Settings
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.protocol import shipped_protocols
from bench.study.record import read
from bench.study.run import Run
from bench.table.stored import stored_scores
from bench.table.submission import Submission, read_submission
from bench.table.verification import Findings, check, compare, given_codes, keys_under
from bench.training.catalogue import catalogue, take
from bench.values import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def verify(settings: Settings) -> int:
    """Print what is right, not checked and wrong in a submission; the exit code is 1 if anything is wrong.

    Raises:
        ConfigError: there is no folder=DIR.
        StoreError: the folder is no submission, or one of its files cannot be read.
    """
    if settings["folder"] is None:
        raise ConfigError("verify takes the folder of a submission: python -m bench verify FOLDER")
    store, submission = Store(settings["results_dir"]), read_submission(Path(settings["folder"]).expanduser())
    findings = check(submission, store)
    if findings.wrong:
        findings.unchecked.append("whether its scores can be reproduced: correct the errors first")
    else:
        with TemporaryDirectory(prefix="bench-verify-") as folder:
            _compute_again(submission, _Place(store, Store(folder, writable=True), settings), findings)
    for word, lines in (("right", findings.checked), ("not checked", findings.unchecked), ("WRONG", findings.wrong)):
        for line in lines:
            show(f"{word}: {printable(line)}")
    count = len(findings.wrong)
    problems = f"{count} thing{'s are' if count > 1 else ' is'} wrong"
    result = problems if count else "nothing is wrong, as far as it could be checked"
    show(f"verify: {submission.name}: {result}")
    return 1 if findings.wrong else 0


@dataclass(frozen=True)
class _Place:
    """Where scores are computed again.

    Attributes:
        store: may hold codes and weights.
        scratch: an empty store for the new scores.
        settings: of the command.
    """

    store: Store
    scratch: Store
    settings: Settings


def _compute_again(submission: Submission, place: _Place, findings: Findings) -> None:
    """Score the codes and weights that are available, and compare with the submitted scores."""
    protocol, table = shipped_protocols()[submission.record["protocol"]], submission.table
    known = table[table["cell"].isin(keys_under(table, protocol))]
    codes, runs = _codes(submission, place, findings), _runs(submission, place, findings)
    if not (codes or runs) or known.empty:
        return
    plan = Plan(
        submission.name, submission.name, runs, tuple(map(str, known["metric"].unique())), protocol, codes=codes
    )
    settings = {**place.settings, "retry_failed": False}
    with Pool(place.settings["processes"]) as pool:
        score(plan, place.scratch, pool, settings)
        score_groups(plan, plan, place.scratch, pool, settings)
    outcomes = {}
    for member in plan.members:
        for key, record in cell_records(place.scratch.run(member.id)).items():
            outcome = state(record)
            outcomes[member.id, key] = outcome, str(record.get(outcome, ""))
    of_members = known[known["run"].isin([member.id for member in plan.members])]
    attempted = [pair in outcomes for pair in _cells_of(of_members)]
    recomputed, known_cells = stored_scores(place.scratch), {*_cells_of(known)}
    recomputed = recomputed[[pair in known_cells for pair in _cells_of(recomputed)]]
    compare(of_members[attempted], recomputed, outcomes, findings)
    incomplete = sorted(map(str, of_members[[not attempt for attempt in attempted]]["metric"].unique()))
    if incomplete:
        findings.unchecked.append(f"some scores of {', '.join(incomplete)}: a run that they compare is missing")


def _cells_of(table: "pd.DataFrame") -> list[tuple[str, str]]:
    """(run, cell) of each row."""
    return list(zip(table["run"], table["cell"], strict=True))


def _codes(submission: Submission, place: _Place, findings: Findings) -> tuple[GivenCodes, ...]:
    """The codes of a submission that are available, put in the store where they are scored."""
    members, codes_file = given_codes(submission), place.settings["codes"]
    file = Path(str(codes_file)).expanduser() if codes_file is not None else submission.codes
    available = []
    if not members:
        if codes_file is not None:
            findings.unchecked.append(f"{file}: the submission has no codes")
        return ()
    if codes_file is None and not file.exists():
        for member in members:
            if place.store.run(member.id).state() == "done":
                _link(member.id, place, sorted(place.store.run(member.id).path.glob("codes-*.safetensors")))
                available.append(member)
    else:
        try:
            digest = sha256_of(file)
            available = [member for member in members if member.sha256 == digest]
            for member in available:
                strength = member.strength_index, member.value
                file_codes = foreign.read(file, member.model, member.dataset, member.seed, *strength)
                foreign.put(replace(file_codes, member=member), place.scratch)
        except (OSError, StoreError, ConfigError) as fault:
            findings.wrong.append(f"its codes cannot be scored: {fault}")
            return ()
        if not available:
            scored = f"{str(members[0].sha256)[:12]}..."
            findings.wrong.append(f"{file} has the sha256 {digest[:12]}..., and what was scored had {scored}")
            return ()
        findings.checked.append(f"{file} is the file that was scored, by its sha256")
    if absent := len(members) - len(available):
        findings.unchecked.append(
            f"the scores of {absent:,} of {len(members):,} codes: they are neither in the folder nor in "
            f"{place.store.path}; codes=FILE gives them"
        )
    findings.unchecked.append("whether the codes are of the images that their factors say: no encoder comes with them")
    return tuple(available)


def _runs(submission: Submission, place: _Place, findings: Findings) -> tuple[Run, ...]:
    """The trained runs of a submission whose weights and images are available; puts the weights in place."""
    code_ids = {member.id for member in given_codes(submission)}
    ids = [str(run) for run in submission.table["run"].unique() if run not in code_ids]
    if not ids:
        return ()
    plans = [plan for name in place.store.studies() if (plan := read(place.store, name)) is not None]
    known = {run.id: run for plan in plans for run in plan.runs if place.store.run(run.id).state() == "done"}
    shipped = {entry.run: entry.as_run() for entry in catalogue()}
    available, absent = [run for run in ids if run in known or run in shipped], dict[str, str]()
    for dataset in {(known.get(run) or shipped[run]).dataset for run in available}:
        try:
            data.fetch(dataset)
        except data.DataError as fault:
            absent[dataset] = str(fault)
            findings.unchecked.append(f"the scores of runs on {dataset}: {fault}")
    runs = []
    for run in available:
        member = known.get(run) or shipped[run]
        if member.dataset not in absent:
            runs.append(member)
            if run in known:
                _link(run, place, [place.store.run(run).weights])
    take([run for run in runs if run.id not in known], place.scratch)
    if lacking := len(ids) - len(available):
        findings.unchecked.append(
            f"the scores of {lacking:,} of {len(ids):,} runs: their weights are neither in {place.store.path} nor "
            "among the models that ship"
        )
    findings.unchecked.append(
        "the losses of training, and that the weights are what the schedule makes: nothing is trained"
    )
    return tuple(runs)


def _link(run: str, place: _Place, files: list[Path]) -> None:
    """Link a run of the store into the scratch store, without its scores."""
    folder = place.scratch.run(run).path
    folder.mkdir(parents=True)
    for file in {*files, place.store.run(run).config, place.store.run(run).done}:
        os.symlink(file, folder / file.name)

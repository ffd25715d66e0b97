"""Checks a submission without trusting it: its rules, and its scores against recomputed ones."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench import data, registry
from bench.scoring.runs import cells, declaration
from bench.store.folders import Store
from bench.store.record_types import TRAINING
from bench.study.given import GivenCodes
from bench.study.protocol import Protocol, shipped_protocols
from bench.table.card import contents
from bench.table.folder import read_card
from bench.table.identities import check_identities
from bench.table.joining import NUMBERS
from bench.table.reference import reference_of
from bench.table.rules import KEY, check_scores, shown
from bench.table.scores import group_keys
from bench.table.submission import CODES, Submission
from bench.values import counted

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.005  # largest difference between machines: absolute, or relative for scores above 1
COUNTED = ("points", "split")  # what metrics read whose rows of codes a protocol counts
Outcomes = Mapping[tuple[str, str], tuple[str, str]]  # run and cell -> "done", "skipped" or "failed", and why


@dataclass
class Findings:
    """The result of checking a submission, in lines.

    Attributes:
        wrong: contradictions.
        unchecked: what could not be checked, and why.
        checked: what is right.
    """

    wrong: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)


def check(submission: Submission, store: Store) -> Findings:
    """Check all that needs no computation: ids, ranges, names, data sets, checksums, versions of metrics, the protocol.

    Args:
        submission: as it was read.
        store: its accepted submissions and reference table have names that are taken.
    """
    findings = Findings()
    findings.wrong += _wrong_rows(submission)
    findings.wrong += _wrong_name(submission, store)
    findings.wrong += _wrong_codes(submission)
    findings.wrong += _too_few_rows(submission)
    _check_datasets(submission, findings)
    _check_cells(submission, findings)
    return findings


def keys_under(table: "pd.DataFrame", protocol: Protocol) -> set[str]:
    """The keys of a table's cells under a protocol, for the installed versions of metrics."""
    keys = group_keys(protocol, table[table["dataset"].isin(data.packaged())])
    for metric in table["metric"].unique():
        if _version(metric) is not None:
            keys |= {cell.key for cell in cells([metric], protocol)}
    return keys & {*table["cell"].unique()}


def rows_read(metrics: Iterable[str], protocol: Protocol, dataset: str) -> dict[str, int]:
    """Cell -> the rows of codes that it reads under a protocol, of a data set that may have fewer images."""
    usable = [metric for metric in metrics if _version(metric) is not None and declaration(metric).reads in COUNTED]
    return {cell.key: min(sum(cell.sizes.values()), data.card(dataset).num_images) for cell in cells(usable, protocol)}


def given_codes(submission: Submission) -> list[GivenCodes]:
    """The members of a submission that are codes from elsewhere.

    Raises:
        ValueError: the identity of one is not of the form that codes have; the message names it.
    """
    members = []
    for run in submission.table["run"].unique():
        content = submission.identities.get(run)
        if isinstance(content, dict) and "codes" in content:
            members.append(_codes_of(run, content))
        elif isinstance(content, dict) and not content.get("schedule"):
            raise ValueError(f"nothing says how run {run} was trained")
    return members


def _codes_of(run: str, content: Mapping[str, Any]) -> GivenCodes:
    try:
        setting, dataset = content.get("setting", {}), content["dataset"]
        member = GivenCodes(
            content["model"]["name"], content["seed"], dataset["name"], dataset["version"], content["codes"], CODES,
            setting.get("strength"), setting.get("value"),
        )  # fmt: skip
        if member.id == run:
            return member
    except (LookupError, TypeError, AttributeError, ValueError):
        pass
    raise ValueError(f"what is said of run {run} is not what is said of codes from a file")


def _wrong_rows(submission: Submission) -> Iterator[str]:
    """Contradictions between the table and its ids, metrics or card."""
    table, card = submission.table, submission.card
    try:
        if unknown := check_identities(submission.identities, table):
            yield f"nothing says what {unknown:,} of its runs are: identities.json.gz lacks them"
        check_scores(table)
    except ValueError as fault:
        yield f"scores.csv.gz: {fault}"
    for key, value in contents(table).items():
        if card.get(key) != value:
            on_card, in_table = _differing(card.get(key), value)
            yield f"card.yaml says {key}: {shown(str(on_card))}, the table has {shown(str(in_table))}"
    if [part.get("protocol") for part in card["parts"]] != [submission.record["protocol"]]:
        yield "card.yaml and submission.json do not name one and the same protocol"


def _differing(on_card: Any, in_table: Any) -> tuple[Any, Any]:
    """What two lists do not have in common, which may be long; other values as they are."""
    if isinstance(on_card, list) and isinstance(in_table, list):
        return [one for one in on_card if one not in in_table], [one for one in in_table if one not in on_card]
    return on_card, in_table


def _wrong_name(submission: Submission, store: Store) -> Iterator[str]:
    name, path = submission.name, submission.path.resolve()
    if owner := name_taken(name, store):
        yield f"its name {name} is that of {owner}: choose another"
    accepted = store.submissions.resolve()
    if path.parent == accepted and path.name != name:
        yield f"its folder is called {shown(path.name)} and it is called {name}"
    if path.parent != accepted and (store.submissions / name).exists():
        accepted_one = f"its name {name} is that of the submission {store.submissions / name}"
        yield f"{accepted_one}: choose another, or if it is that one made again, put it in its place and verify that"


def name_taken(name: str, store: Store) -> str | None:
    """The owner of a name on the board, except submissions: a model of the suite or a row of the reference table."""
    if name in registry.names("models"):
        return "a model of the suite"
    reference = reference_of(store)
    rows = read_card(reference).get("models") if reference else None
    return f"a row of {reference.table}" if reference and isinstance(rows, dict) and name in rows else None


def _wrong_codes(submission: Submission) -> Iterator[str]:
    """Errors of a submission of codes: it has one run, of the submission's name, with the recorded checksum."""
    try:
        members = given_codes(submission)
    except ValueError as fault:
        yield str(fault)
        return
    part = submission.record.get("codes")
    if part is None:
        return
    runs = submission.table["run"].unique()
    if len(runs) != 1 or len(members) != 1:
        of_runs = f"rows of {counted(len(runs), 'run')}, {len(members)} of them codes from a file"
        yield f"it is of one file of codes and has {of_runs}"
        return
    (member,) = members
    if member.model != submission.name:
        yield f"its row is called {shown(member.model)} and it is called {submission.name}"
    if member.sha256 != part["sha256"]:
        yield (
            f"submission.json gives the codes the sha256 {part['sha256'][:12]}..., the id of their row is made of "
            f"{shown(str(member.sha256))[:12]}..."
        )


def _too_few_rows(submission: Submission) -> Iterator[str]:
    """Errors of codes that have fewer rows than the protocol reads: chance alone gives few rows high scores."""
    protocol, table = shipped_protocols().get(submission.record["protocol"]), submission.table
    of_codes = [
        run for run, content in submission.identities.items() if isinstance(content, dict) and "codes" in content
    ]
    rows = table[table["run"].isin(of_codes) & table["dataset"].isin(data.packaged())]
    if protocol is None or rows.empty:
        return
    for (run, dataset), scores in rows.groupby(["run", "dataset"], observed=True):
        read = scores["cell"].astype(object).map(rows_read(scores["metric"].unique(), protocol, dataset)).fillna(0)
        total = scores["num_train"] + scores["num_test"]
        if (short := total < read).any():
            worst = (read - total).where(short, 0).idxmax()
            yield too_few(f"run {run}", int(total[worst]), int(read[worst]), protocol.name)


def too_few(what: str, rows: int, read: int, protocol: str) -> str:
    """The error for codes of fewer rows than a protocol reads, in words."""
    return (
        f"{what} has codes of {rows:,} images where scoring={protocol} reads {read:,}: a row of the board rests on all"
    )


def _check_datasets(submission: Submission, findings: Findings) -> None:
    known = data.packaged()
    for name in submission.table["dataset"].unique():
        if name not in known:
            findings.wrong.append(f"its data set {name} is none of the suite, and the board compares rows of those")
    for content in submission.identities.values():
        part = content.get("dataset") if isinstance(content, dict) else None
        name, version = (part.get("name"), part.get("version")) if isinstance(part, dict) else (None, None)
        if isinstance(name, str) and name in known and version != data.card(name).version:
            line = f"what is of version {shown(str(version))} of {name}: here it has version {data.card(name).version}"
            _note(findings.unchecked, line)


def _check_cells(submission: Submission, findings: Findings) -> None:
    """Check that each metric is installed in the version that scored, and was scored by the named protocol."""
    protocols = shipped_protocols()
    name, table = submission.record["protocol"], submission.table
    if name not in protocols:
        findings.wrong.append(f"its protocol {name} is none of the board, which has {' and '.join(protocols)}")
        return
    keys = keys_under(table, protocols[name])
    for row in table.drop_duplicates(["metric", "version", "representation", "cell"]).itertuples():
        if row.metric == TRAINING:
            continue
        version = _version(row.metric)
        scored = f"{row.metric} version {row.version}"
        if version is None:
            _note(findings.unchecked, f"{row.metric}: no metric of that name can be used here")
        elif row.version > version:
            _note(findings.wrong, f"{scored} is not known here, where it has version {version}: update, or score again")
        elif row.version < version:
            _note(findings.unchecked, f"{scored}: here it has version {version}, and would have to be scored again")
        elif row.cell not in keys:
            cell = f"{row.metric} (cell {row.cell})"
            _note(findings.wrong, f"{cell} was not scored by the protocol {name}: its sizes or options differ")


def _note(lines: list[str], line: str) -> None:
    """Add a line, once."""
    if line not in lines:
        lines.append(line)


def _version(metric: str) -> int | None:
    """The version of a metric that can be used here; None: there is none."""
    if metric not in registry.names("metrics"):
        return None
    try:
        return declaration(metric).version
    except registry.PluginError:
        return None


def compare(table: "pd.DataFrame", recomputed: "pd.DataFrame", outcomes: Outcomes, findings: Findings) -> None:
    """Compare scores with recomputed ones, and add the result to the findings.

    Args:
        table: of the submission, of the cells in `outcomes`.
        recomputed: the recomputed scores.
        outcomes: the outcome of each recomputed cell.
        findings: extended in place.
    """
    columns = [*KEY, "metric"]
    sides = [
        side[[*columns, *NUMBERS]].astype(dict.fromkeys(columns, object)).fillna({"factor": ""})
        for side in (table, recomputed)
    ]
    both = sides[0].merge(sides[1], on=columns, how="outer", suffixes=("", "_again"), indicator="side")
    states = [outcomes[pair] for pair in zip(both["run"], both["cell"], strict=True)]
    for metric, (outcome, why) in sorted({*zip(both["metric"], states, strict=True)}):
        if outcome == "skipped":
            findings.wrong.append(f"it has scores of {metric}, which does not apply: {why}")
        elif outcome == "failed":
            findings.unchecked.append(f"{metric}: it failed here, {why}")
    both = both[[outcome == "done" for outcome, _ in states]]
    differences = (both["score"] - both["score_again"]).abs() / both["score"].abs().clip(lower=1)
    for row, distance in zip(both.itertuples(), differences, strict=True):
        if wrong := _wrong_score(row, distance):
            findings.wrong.append(f"{row.name}{row.factor and f' of {row.factor}'} of run {row.run} {wrong}")
    if near := int(((differences > 0) & (differences <= TOLERANCE)).sum()):
        close = f", {near:,} within {TOLERANCE:g} (at most {differences[differences <= TOLERANCE].max():.2g} off)"
    else:
        close = ""
    again = both[both["side"] != "left_only"]
    if len(again):
        runs, equal = again["run"].nunique(), int((differences == 0).sum())
        findings.checked.append(
            f"{counted(len(again), 'score')} of {counted(runs, 'run')} computed again: {equal:,} equal{close}"
        )


def _wrong_score(row: Any, distance: float) -> str | None:
    """The difference between a score and the recomputed one, in words; None if there is none."""
    if row.side == "right_only":
        return f"is not in the folder; computed again it is {row.score_again:.6g}"
    if row.side == "left_only":
        return f"is {row.score:.6g} in the folder, and its metric gives no such score"
    if distance > TOLERANCE:
        return f"is {row.score:.6g} in the folder, and {row.score_again:.6g} computed again"
    if (row.num_train, row.num_test) != (row.num_train_again, row.num_test_again):
        return "does not rest on as many rows as the folder says"
    return None

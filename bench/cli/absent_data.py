"""Data sets that a study has runs of and that are not here, or not as they were."""

from collections import Counter

from bench import data
from bench.progress import say
from bench.registry import UnknownNameError
from bench.study.plan import Member, Plan
from bench.values import counted

Images = tuple[str, int | None]  # a data set, and its version; None: codes from elsewhere, of no data set


def absent_data(plan: Plan) -> dict[Images, str]:
    """Unavailable images of a plan -> how to get them. Their runs are left out; the others are worked on."""
    absent = lost_data(plan)
    for dataset, version in dict.fromkeys(images_of(r) for r in plan.runs if images_of(r) not in absent):
        try:
            data.fetch(dataset)
        except data.DataError as fault:
            absent[dataset, version] = str(fault)
            say(f"{dataset} is left out: {fault}")
    return absent


def lost_data(plan: Plan) -> dict[Images, str]:
    """Images of a plan that are not here: no data set has the name, or one of another version -> how to get them."""
    lost: dict[Images, str] = {}
    for dataset, version in dict.fromkeys(map(images_of, plan.runs)):
        try:
            data.check_version(dataset, version)
        except data.DataError as fault:
            lost[dataset, version] = str(fault)
        except UnknownNameError:
            added = f"`data add name={dataset} images=...`"
            lost[dataset, version] = f"no data set has this name any more; {added} brings back one of yours"
    runs_of = Counter(map(images_of, plan.runs))
    for images, reason in lost.items():
        say(f"{counted(runs_of[images], 'run')} of {images[0]} left out: {reason}")
    return lost


def images_of(member: Member) -> Images:
    """The data set of a run, and its version."""
    return member.dataset, member.dataset_version

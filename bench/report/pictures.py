"""Pictures of trained models: the best, median and worst run of each group side by side, as pages and animations.

In a group with one seed a setting, a best run says little: the page shows the settings side by side.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.analysis.names import declared, merit_sign, title
from bench.analysis.scores.agreement import wide
from bench.data import check_version, load_data
from bench.data.base import DataError
from bench.data.pooled import at_size
from bench.data.sampling import ALL, Sampling
from bench.escaping import as_cells
from bench.pool import Pool
from bench.registry import UnknownNameError
from bench.report.drawings import Drawing, Outcome, code, draw_changed, trained
from bench.report.model_page import model_page
from bench.report.moving import write_traversals
from bench.report.sheet import draw_sheet
from bench.report.sights import Sights, look
from bench.store.files import StoreError, digest, write_text, writing
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.run import ON, Run

MOST = 6  # the most settings that are shown side by side
STATIONS = 17  # of an animated traversal; the page shows every second one


def draw_models(
    table: pd.DataFrame,
    plan: Plan,
    store: Store,
    pool: Pool,
    rank_by: str,
) -> Iterator[Outcome]:
    """A sheet of each data set, and a page and an animation of each (data set, model) that has a trained run.

    Shown are the best, the median and the worst run by the score `rank_by`.

    Yields:
        The outcome of each group's page, and of contact sheets that could not be drawn. Where the data set is not here,
        or in another version than the runs are of, pictures that were drawn before stay.
    """
    groups: dict[tuple[str, str, Sampling], list[Run]] = {}
    lost: dict[str, str] = {}
    for run in plan.runs:
        if store.run(run.id).state() == "done":
            try:
                check_version(run.dataset, run.dataset_version)
            except (DataError, UnknownNameError) as fault:
                lost[_name(run)] = str(fault)
            else:
                groups.setdefault((run.dataset, run.model, run.sampling), []).append(run)
    lost = {name: fault for name, fault in lost.items() if name not in {_name(runs[0]) for runs in groups.values()}}
    values = _values(table, rank_by)
    yield from (Outcome(name, "not drawn", why=fault) for name, fault in lost.items())
    for dataset in dict.fromkeys(d for d, *_ in groups):
        if not store.sheet(dataset).exists():
            try:
                draw_sheet(load_data(dataset), store.sheet(dataset))
            except (DataError, StoreError) as fault:
                yield Outcome(f"contact sheet of {dataset}", "failed", why=str(fault))
    command = f"python -m bench report study={plan.name}"
    folder = store.study(plan.name)
    source = code("data", "models", "report", "training")
    drawings = []
    for runs in groups.values():
        shown, name = ranked(runs, values, rank_by), _name(runs[0])
        inputs = [[label, trained(run, store.run(run.id))] for label, run in shown.items()]
        task = (shown, store, folder / "models" / name)
        drawings.append(Drawing(name, digest([source, command, inputs]), task))
    yield from draw_changed("models", drawings, partial(_draw, command), folder, pool, kept=lost)


def _name(run: Run) -> str:
    """The name of the page of a run's group."""
    return f"{run.dataset}_{run.model}" + (f"{ON}{run.sampling.stem}" if run.sampling != ALL else "")


def _draw(
    command: str,
    shown: Mapping[str, Run],
    store: Store,
    stem: Path,
) -> list[Path]:
    """Draw the page, the animation and the numbers of one group; return the files."""
    page, moving, numbers = (stem.with_suffix(suffix) for suffix in (".png", ".gif", ".csv"))
    sights = [_sights_of(run, label, store) for label, run in shown.items()]
    _write(model_page(sights), page, command)
    write_traversals(sights, moving)
    write_text(numbers, as_cells(_numbers(sights)).to_csv(index=False))
    return [page, moving, numbers]


def ranked(runs: list[Run], values: Mapping[str, float], rank_by: str) -> dict[str, Run]:
    """Label -> run: the best, median and worst of a group by a score, each run once.

    Of a score of which neither higher nor lower is better they are the highest, median and lowest. Several settings
    with one seed each, at most `MOST`, are all shown, by value. If no run has the score, the run of the first seed with
    the middle strength is shown.
    """
    if 1 < len(runs) == len({r.value for r in runs}) <= MOST:
        ordered = sorted(runs, key=lambda r: r.value or 0)
        scores = {r.id: f": {title(rank_by)} {values[r.id]:.3f}" for r in runs if r.id in values}
        setting_names = (f"{r.sweeps} {r.value:g}" for r in ordered)
        return {f"{name}{scores.get(r.id, '')}": r for name, r in zip(setting_names, ordered, strict=True)}
    score = declared(rank_by)
    ends = ("highest", "lowest") if score is not None and score.higher_is_better is None else ("best", "worst")
    scored = sorted((r for r in runs if r.id in values), key=lambda r: -merit_sign(rank_by) * values[r.id])
    if not scored:
        of_first_seed = sorted((r for r in runs if r.seed == min(q.seed for q in runs)), key=lambda r: r.value or 0)
        return {"middle strength": of_first_seed[len(of_first_seed) // 2]}
    ranks = {ends[0]: 0, "median": (len(scored) - 1) // 2, ends[1]: len(scored) - 1}
    labels = {rank: name for name, rank in reversed(ranks.items())}  # of the names for one rank, the first
    chosen = {labels[rank]: scored[rank] for rank in sorted(labels)}
    return {f"{label} {title(rank_by)} {values[run.id]:.3f}": run for label, run in chosen.items()}


def _values(table: pd.DataFrame, name: str) -> Mapping[str, float]:
    """Run id -> its score, of mean codes."""
    scores = wide(table).get(name)
    return {} if scores is None else scores.dropna().droplevel(["dataset", "model", "value", "seed"]).to_dict()


def _sights_of(run: Run, label: str, store: Store) -> Sights:
    from bench.training.train import load_learner

    data = at_size(load_data(run.dataset), run.schedule.image_size)
    return look(load_learner(run, store.run(run.id)), data, run, label, STATIONS)


def _numbers(sights: list[Sights]) -> pd.DataFrame:
    """The statistics of each dimension of each shown run."""
    return pd.concat([s.statistics.assign(run=s.run.id, shown_as=s.label) for s in sights])


def _write(canvas: Image.Image, path: Path, command: str) -> None:
    """Write a png that names its command."""
    notes = PngInfo()
    notes.add_text("Description", command)
    with writing(path) as file:
        canvas.save(file, "PNG", pnginfo=notes)

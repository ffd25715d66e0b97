"""`python -m bench data`: fetches or draws data sets, verifies and shows them."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from bench import data
from bench.data.sampling import ALL, sampled
from bench.progress import results, say
from bench.report.sheet import draw_sheet
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.study.grid import samplings_of
from bench.study.run import ON
from bench.values import ConfigError


def data_sets(settings: Mapping[str, Any]) -> int:
    """Fetch and verify the chosen data sets and draw a contact sheet of each; exit code 1 if one is unavailable.

    With a sampling, the sheet shows images that training draws.
    """
    table = Table("data set", "images", "shape", "factors", "was", "now", "contact sheet")
    faults = []
    names = settings["dataset"] if isinstance(settings["dataset"], list) else [settings["dataset"]]
    if settings["accept"] is not None:
        if len(names) != 1:
            raise ConfigError("accept=SHA256 is of one data set: give dataset=NAME")
        say(f"accepted: {data.accept(names[0], str(settings['accept']))}")
    for name in names:
        try:
            card, before = data.card(name), data.state(name)
            samplings = samplings_of(settings.get("sampling"), card)
        except data.DataError as fault:  # the card of a user's own data set is invalid
            faults.append(str(fault))
            continue
        sheet, unreadable = None, False
        try:
            data.fetch(name)
            data.verify(name)
            for sampling in samplings:
                sheet_name = name if sampling == ALL else f"{name}{ON}{sampling.stem}"
                sheet = Store(settings["results_dir"], writable=True).sheet(sheet_name)
                draw_sheet(sampled(data.load_data(name), sampling), sheet)
        except (data.DataError, StoreError) as fault:
            faults.append(str(fault))
            unreadable = isinstance(fault, data.DataError)
        factors = ", ".join(f"{f} {n}" for f, n in zip(card.factor_names, card.factor_sizes, strict=True))
        shape = "x".join(map(str, card.image_shape))
        now: str = data.state(name)
        if now == "ready" and unreadable:  # its files are whole, what reads them is not
            now = "cannot be read"
        table.add_row(name, f"{card.num_images:,}", shape, factors, before, now, str(sheet or "none"))
    results.print(table)
    for line in faults:
        say(line)
    return 1 if faults else 0

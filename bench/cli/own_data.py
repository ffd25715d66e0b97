"""`python -m bench data add|list|remove`: data sets of the user's own, without Python."""

import math
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from bench import data
from bench.data import adding, own
from bench.data.base import Card
from bench.data.pictures import BACKGROUNDS, CHANNELS, FITS, SIZES, ImageOptions
from bench.networks.base import every_network, sizes_taken
from bench.progress import Meter, results, say
from bench.registry import unknown
from bench.report.sheet import draw_sheet
from bench.store.folders import Store
from bench.study.command import Settings
from bench.study.grid import LARGEST_SIZE
from bench.values import ConfigError, listed, number, one_of, text, whole

ADDING = ("images", "labels", "factors", "classes", "size", "fit", "channels", "background", "array", "range")


def own_data(settings: Settings) -> int:
    """Add a data set of the user's own, list them, or remove one; returns the exit code.

    Raises:
        ConfigError: a key is missing, has an invalid value, or does not go with the action.
        DataError: the files cannot be read as a data set; nothing of it is stored.
        StoreError: a folder cannot be written.
    """
    what = settings["what"]
    misplaced = [key for key in (*ADDING, "dataset", "accept") if key in settings["given"]]
    if what == "add":
        misplaced = [key for key in misplaced if key not in ADDING]
    if what == "list":
        misplaced += ["name"] if "name" in settings["given"] else []
    if misplaced:
        raise ConfigError(f"{misplaced[0]} does not go with data {what}")
    return {"add": _add, "list": lambda _: _list(), "remove": _remove}[what](settings)


def _add(settings: Settings) -> int:
    if settings["name"] is None or settings["images"] is None:
        lacks = "name=NAME" if settings["name"] is None else "images=FOLDER, or images=FILE.npz"
        raise ConfigError(f"data add lacks {lacks}: python -m bench data add name=NAME images=FOLDER labels=LABELS.csv")
    name = str(settings["name"])
    if name not in own.names() or settings["dry_run"]:
        own.check_new(name, data.packaged())
    options = _image_options(settings)
    labels = None if settings["labels"] is None else Path(settings["labels"])
    columns = settings["factors"]
    if columns is not None:
        columns = [str(column) for column in listed(columns)]
    classes = whole("classes", settings["classes"], 2)
    source = adding.source(Path(settings["images"]), labels, options, classes, columns)
    networks, words = _networks(source.images.size, settings)
    for line in source.remarks:
        say(f"  {line}")
    if settings["dry_run"]:
        return 0
    store = Store(settings["results_dir"], writable=True)
    with Meter(f"adding {name}", source.images.count, "images") as meter:
        if name not in own.names():
            adding.write(name, source, meter.advance)
        elif adding.is_there(name, source, meter.advance):
            say(f"{name}: these images and factors were added already")
        else:
            own.check_new(name, data.packaged())  # raises an error: other images have the name
    data.forget()
    data.fetch(name)
    sheet = store.sheet(name)
    draw_sheet(data.load_data(name), sheet)
    say(f"{name}: contact sheet: {sheet}")
    card = data.card(name)
    say(f"{name}: {_facts(card)}, in {own.card_path(name).parent}")
    if card.grid:
        say(f"{name}: every combination of factor values is there once, a grid; images are in the order of its rows")
    say(f"{name}: networks that take it: {networks}")
    say(store.command(f"run dataset={name}{words}"))
    return 0


def _image_options(settings: Settings) -> ImageOptions:
    """How the images are to be converted.

    Raises:
        ConfigError: a value is invalid.
    """
    size, bounds = settings["size"], settings["range"]
    if size is not None and not SIZES[0] <= whole("size", size) <= SIZES[1]:
        raise ConfigError(f"size must be {SIZES[0]} to {SIZES[1]} pixels, got {size}")
    if bounds is not None:
        ends = [number("range", bound) for bound in listed(bounds)]
        if len(ends) != 2 or not 0 < float(ends[1]) - float(ends[0]) < math.inf:
            raise ConfigError(f"range is two numbers, black and white, such as [-1,1], got {bounds}")
        bounds = (float(ends[0]), float(ends[1]))
    channels = settings["channels"]
    return ImageOptions(
        None if size is None else int(size),
        one_of("fit", settings["fit"], FITS),
        None if channels is None else one_of("channels", channels, CHANNELS),
        one_of("background", settings["background"], BACKGROUNDS),
        bounds,
        None if settings["array"] is None else text("array", settings["array"]),
    )


def _networks(size: int, settings: Settings) -> tuple[str, str]:
    """The networks that take images of size x size pixels, or these averaged over blocks; the words that choose them.

    Raises:
        ConfigError: only networks of any image size take them, and the command did not set this size.
    """
    seen = next(s for s in range(min(size, LARGEST_SIZE), 0, -1) if size % s == 0)
    networks = every_network()
    of_some_sizes = [cls for cls in networks.values() if cls.image_size is not None]
    takes = [name for name, cls in networks.items() if cls.takes(seen)]
    if not any(cls.takes(seen) for cls in of_some_sizes):
        possible = [s for s in range(SIZES[0], LARGEST_SIZE + 1) if any(cls.takes(s) for cls in of_some_sizes)]
        nearest = min(possible, key=lambda s: abs(s - size))
        if "size" not in settings["given"]:
            raise ConfigError(
                f"images of {size}x{size} go with no convolutional networks ({sizes_taken()}): size={nearest} makes "
                f"them {nearest}x{nearest}; size={size} keeps them, for trainer.architecture={takes[0]}"
            )
        return ", ".join(takes), f" trainer.architecture={takes[0]}"
    return f"{', '.join(takes)}, at {seen}x{seen}", ""


def _facts(card: Card) -> str:
    factors = ", ".join(f"{f} {n}" for f, n in zip(card.factor_names, card.factor_sizes, strict=True))
    return f"{card.num_images:,} images of {'x'.join(map(str, card.image_shape))}, factors {factors or 'unknown'}"


def _list() -> int:
    table = Table("data set", "is", "where")
    for name in own.names():
        hidden = name not in data.users_own()
        try:
            about = "hidden: a data set of this name comes with the package" if hidden else _facts(data.card(name))
        except data.DataError as fault:
            about = str(fault)
        table.add_row(name, escape(about), escape(str(own.card_path(name).parent)))
    if not table.row_count:
        say("no data sets of your own: python -m bench data add name=NAME images=FOLDER labels=LABELS.csv")
        return 0
    results.print(table)
    return 0


def _remove(settings: Settings) -> int:
    if settings["name"] is None:
        raise ConfigError("data remove lacks name=NAME")
    name = str(settings["name"])
    if name not in own.names():
        if name in data.packaged():
            raise ConfigError(f"name={name} comes with the package: only data sets of your own are removed")
        raise unknown("data set of your own", name, own.names())
    say(f"removed: {own.remove(name)}; its results stay, and are used again if the same data set is added again")
    data.forget()
    return 0

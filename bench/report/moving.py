"""Animated latent traversals: all dimensions of all shown runs move at once."""

from pathlib import Path

from PIL import Image

from bench.analysis.names import dataset_title, model_title
from bench.report.dots import length, page, paste, side, write
from bench.report.sights import SPAN, Sights
from bench.store.files import writing

CELL, GAP, LINE = 64, 6, 17  # dots of an image, between two, and of a line of text
TEXT = 12
MILLISECONDS = 110  # a frame
COARSE = [v // 8 * 255 // 31 for v in range(256)]  # 32 greys make half the file


def write_traversals(sights: list[Sights], path: Path) -> None:
    """Write a gif: a row for each run, a column for each dimension by falling KL, a frame for each step, to and fro.

    Args:
        sights: of runs on one data set, their walks equally long.
        path: of the gif.
    """
    canvas, places = _still(sights)
    stations = range(sights[0].walks.shape[1])
    frames = [_frame(canvas, places, sights, t) for t in (*stations, *reversed(stations[1:-1]))]
    if sights[0].images.shape[-1] == 1:
        frames = [f.convert("L").point(COARSE) for f in frames]
    else:
        colours = _together(frames[:: len(frames) // 4]).quantize(255)
        frames = [f.quantize(palette=colours, dither=Image.Dither.NONE) for f in frames]
    with writing(path) as file:
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0)


def _still(sights: list[Sights]) -> tuple[Image.Image, list[list[tuple[int, int]]]]:
    """The static parts of a frame, and the positions of each walk's images."""
    labels = [length(text, TEXT) for sights_of_run in sights for text in sights_of_run.captions]
    pitch = max(side(sights[0].images, CELL), *labels) + GAP
    row = 2 * LINE + pitch
    quantity = "variance" if "variance" in sights[0].statistics else "KL in nats"
    title = f"{dataset_title(sights[0].run.dataset)}: traversals from -{SPAN:g} to {SPAN:g} (dimension, {quantity})"
    names = [f"{model_title(s.run.named)}, {s.setting}: {s.label}" for s in sights]
    width = max(max(len(s.walks) for s in sights) * pitch, *(length(t, TEXT) for t in (title, *names)))
    canvas = page(width + 2 * GAP, LINE + len(sights) * row)
    write(canvas, (GAP, 2), title, TEXT)
    places = []
    for i, sights_of_run in enumerate(sights):
        top = LINE + i * row
        write(canvas, (GAP, top + 2), names[i], TEXT)
        places.append([(GAP + k * pitch, top + 2 * LINE) for k in range(len(sights_of_run.walks))])
        for (left, below), text in zip(places[-1], sights_of_run.captions, strict=True):
            write(canvas, (left, below - LINE + 1), text, TEXT)
    return canvas, places


def _frame(canvas: Image.Image, places: list[list[tuple[int, int]]], sights: list[Sights], station: int) -> Image.Image:
    frame = canvas.copy()
    for sights_of_run, row in zip(sights, places, strict=True):
        paste(frame, row, sights_of_run.walks[:, station], CELL)
    return frame


def _together(frames: list[Image.Image]) -> Image.Image:
    """Frames side by side, for a palette of all their colours."""
    width, height = frames[0].size
    canvas = page(len(frames) * width, height)
    for k, frame in enumerate(frames):
        canvas.paste(frame, (k * width, 0))
    return canvas

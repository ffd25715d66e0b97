"""The page of a group of runs: a column for each, reconstructions above, then prior samples, then latent walks."""

from collections.abc import Iterator

from PIL import Image

from bench.analysis.names import dataset_title, model_title
from bench.report.dots import length, page, paste, side, write
from bench.report.sights import SHOWN, SPAN, Images, Sights

CELL, GAP = 64, 2  # dots of an image, and between two
LABELS, MARGIN = 104, 24
TITLE, HEADING, LABEL = 26, 19, 17  # sizes of text
ABREAST = 3  # columns side by side; further ones are below


def model_page(sights: list[Sights]) -> Image.Image:
    """Draw the runs of one (data set, model) side by side, in rows of `ABREAST`.

    Dimensions are sorted by falling KL divergence from the prior (by variance, for a deterministic code), so active
    ones are on top.
    """
    first = sights[0].run
    pitch = side(sights[0].images, CELL) + GAP
    column = LABELS + SHOWN * pitch + MARGIN
    height, rows = 2 * MARGIN + _heights(sights[0], pitch), -(-len(sights) // ABREAST)
    bottom = 2 * MARGIN + rows * height
    title = f"{dataset_title(first.dataset)}: {model_title(first.named)}"
    schedule = "fitted directly" if first.fitted else first.schedule.label
    abreast = min(ABREAST, len(sights))
    canvas = page(max(abreast * column + MARGIN, length(title, TITLE) + 2 * MARGIN), bottom + 2 * MARGIN)
    write(canvas, (MARGIN, MARGIN // 2), title, TITLE)
    for k, seen in enumerate(sights):
        _column(canvas, MARGIN + k % ABREAST * column, k // ABREAST * height, pitch, seen)
    write(canvas, (MARGIN, bottom), schedule, LABEL)
    return canvas


def _heights(seen: Sights, pitch: int) -> int:
    return sum(len(rows) * pitch + 2 * MARGIN for _, rows, _ in _blocks(seen)) + 2 * MARGIN


def _blocks(seen: Sights) -> Iterator[tuple[str, list[Images], list[str]]]:
    """Heading, rows of images and their labels of each part of a column."""
    yield "reconstructions", [seen.images, seen.decoded], ["image", "decoded"]
    yield "samples of N(0, 1), decoded", [seen.samples[:SHOWN], seen.samples[SHOWN:]], ["", ""]
    what = "variance" if "variance" in seen.statistics else "KL in nats"
    every = (seen.walks.shape[1] - 1) // (SHOWN - 1)
    heading = f"traversals from -{SPAN:g} to {SPAN:g} (dimension, {what})"
    yield heading, list(seen.walks[:, ::every]), seen.carried


def _column(canvas: Image.Image, left: int, above: int, pitch: int, seen: Sights) -> None:
    top, inner = above + 2 * MARGIN + MARGIN // 2, left + LABELS
    write(canvas, (inner, top), seen.label, HEADING)
    write(canvas, (inner, top + MARGIN), seen.setting, HEADING)
    top += 2 * MARGIN
    for heading, rows, labels in _blocks(seen):
        write(canvas, (inner, top + MARGIN // 2), heading, LABEL)
        top += MARGIN + MARGIN // 2
        for row, label in zip(rows, labels, strict=True):
            write(canvas, (inner - 10, top + pitch // 2), label, LABEL, "rm")
            paste(canvas, [(inner + k * pitch, top) for k in range(len(row))], row, CELL)
            top += pitch
        top += MARGIN // 2

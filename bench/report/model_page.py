"""The page of a group of runs: a column for each, reconstructions above, then prior samples, then latent walks."""

from collections.abc import Iterator

from PIL import Image

from bench.analysis.names import dataset_title, model_title
from bench.report.dots import length, page, paste, side, write
from bench.report.sights import SHOWN, SPAN, Images, Sights

CELL, GAP = 64, 2  # dots of an image, and between two
LABELS, MARGIN = 104, 24
TITLE, HEADING, LABEL = 26, 19, 17  # sizes of text
MAX_ACROSS = 3  # columns side by side; further ones are below


def model_page(sights: list[Sights]) -> Image.Image:
    """Draw the runs of one (data set, model) side by side, in rows of `MAX_ACROSS`.

    Dimensions are sorted by falling KL divergence from the prior (by variance, for a deterministic code), so active
    ones are on top.
    """
    first = sights[0].run
    pitch = side(sights[0].images, CELL) + GAP
    column = LABELS + SHOWN * pitch + MARGIN
    height = 4 * MARGIN + sum(len(rows) * pitch + 2 * MARGIN for _, rows, _ in _blocks(sights[0]))
    bottom = 2 * MARGIN + -(-len(sights) // MAX_ACROSS) * height
    title = f"{dataset_title(first.dataset)}: {model_title(first.named)}"
    schedule = "fitted directly" if first.fitted else first.schedule.label
    across = min(MAX_ACROSS, len(sights))
    canvas = page(max(across * column + MARGIN, length(title, TITLE) + 2 * MARGIN), bottom + 2 * MARGIN)
    write(canvas, (MARGIN, MARGIN // 2), title, TITLE)
    for k, sights_of_run in enumerate(sights):
        _column(canvas, MARGIN + k % MAX_ACROSS * column, k // MAX_ACROSS * height, pitch, sights_of_run)
    write(canvas, (MARGIN, bottom), schedule, LABEL)
    return canvas


def _blocks(sights_of_run: Sights) -> Iterator[tuple[str, list[Images], list[str]]]:
    """Yield for each part of a column its heading, its rows of images and their labels."""
    yield "reconstructions", [sights_of_run.images, sights_of_run.decoded], ["image", "decoded"]
    yield "samples of N(0, 1), decoded", [sights_of_run.samples[:SHOWN], sights_of_run.samples[SHOWN:]], ["", ""]
    quantity = "variance" if "variance" in sights_of_run.statistics else "KL in nats"
    stride = (sights_of_run.walks.shape[1] - 1) // (SHOWN - 1)
    heading = f"traversals from -{SPAN:g} to {SPAN:g} (dimension, {quantity})"
    yield heading, list(sights_of_run.walks[:, ::stride]), sights_of_run.captions


def _column(canvas: Image.Image, left: int, above: int, pitch: int, sights_of_run: Sights) -> None:
    top, inner = above + 2 * MARGIN + MARGIN // 2, left + LABELS
    write(canvas, (inner, top), sights_of_run.label, HEADING)
    write(canvas, (inner, top + MARGIN), sights_of_run.setting, HEADING)
    top += 2 * MARGIN
    for heading, rows, labels in _blocks(sights_of_run):
        write(canvas, (inner, top + MARGIN // 2), heading, LABEL)
        top += MARGIN + MARGIN // 2
        for row, label in zip(rows, labels, strict=True):
            write(canvas, (inner - 10, top + pitch // 2), label, LABEL, "rm")
            paste(canvas, [(inner + k * pitch, top) for k in range(len(row))], row, CELL)
            top += pitch
        top += MARGIN // 2

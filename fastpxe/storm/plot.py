"""A storm's latencies as a picture: laid out once, written as SVG, or as PNG by Pillow."""

import importlib.util
import io
from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

from fastpxe.errors import FastpxeError
from fastpxe.storm.report import Result, duration

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 80, 60
GRID_LINES = 4
FONT_SIZE = 13
PAPER, INK, GREY, BLUE = "#ffffff", "#222222", "#dddddd", "#2b6cb0"


class NoPlot(FastpxeError):  # noqa: N818 - what there is
    """A picture that can't be drawn; the text says what is missing."""


class Box(NamedTuple):
    """A filled rectangle, in pixels from the top left; a line is a thin one."""

    x: float
    y: float
    width: float
    height: float
    colour: str


class Label(NamedTuple):
    """A text; `anchor` says which of its points is at x: "start", "middle" or "end"."""

    x: float
    y: float
    text: str
    anchor: str


Shape = Box | Label


def shapes(result: Result) -> Iterator[Shape]:
    """The picture: a title, a grid, a bar for each bin of the histogram."""
    yield Box(0, 0, WIDTH, HEIGHT, PAPER)
    yield Label(LEFT, 28, result.plan, "start")
    yield Label(LEFT, 50, _summary(result), "start")
    bins = result.latency.histogram
    if not bins:
        yield Label(WIDTH / 2, HEIGHT / 2, "no client was answered", "middle")
        return
    most = -(-max(one.count for one in bins) // GRID_LINES) * GRID_LINES  # whole numbers at lines
    yield from _grid(most)
    step = (WIDTH - LEFT - RIGHT) / len(bins)
    every = -(-len(bins) // 10)  # labels that have room
    for number, one in enumerate(bins):
        x = LEFT + number * step
        height = (HEIGHT - TOP - BOTTOM) * one.count / most
        if one.count:
            yield Box(x + 1, HEIGHT - BOTTOM - height, step - 2, height, BLUE)
        if number % every == 0:
            yield Label(x, HEIGHT - BOTTOM + 20, duration(one.low_us), "middle")
    yield Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "latency of the first answer", "middle")


def _summary(result: Result) -> str:
    spread = result.latency
    return (
        f"answered {result.answered:,} of {result.clients:,}, duplicates {result.duplicates:,}, "
        f"p50 {duration(spread.p50_us)}, p99 {duration(spread.p99_us)}, "
        f"max {duration(spread.max_us)}"
    )


def _grid(most: int) -> Iterator[Shape]:
    for number in range(GRID_LINES + 1):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * number / GRID_LINES
        yield Box(LEFT, y, WIDTH - LEFT - RIGHT, 1, GREY)
        yield Label(LEFT - 8, y + 4, f"{most * number // GRID_LINES:,}", "end")


def svg(result: Result) -> str:
    """The picture as SVG."""
    body = "\n".join(map(_element, shapes(result)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="{FONT_SIZE}">\n{body}\n</svg>\n'
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Label):
        return (
            f'<text x="{shape.x:g}" y="{shape.y:g}" text-anchor="{shape.anchor}" '
            f'fill="{INK}">{escape(shape.text)}</text>'
        )
    return (
        f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" '
        f'height="{shape.height:g}" fill="{shape.colour}"/>'
    )


def png(result: Result) -> bytes:
    """The picture as PNG, drawn by Pillow."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - an extra, for this alone

    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_SIZE)
    for shape in shapes(result):
        if isinstance(shape, Label):
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            draw.text((shape.x, shape.y), shape.text, INK, font, anchor)
        else:
            corner = (shape.x + shape.width, shape.y + shape.height)
            draw.rectangle((shape.x, shape.y, *corner), shape.colour)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


WRITERS: dict[str, Callable[[Result], bytes]] = {
    ".svg": lambda result: svg(result).encode(),
    ".png": png,
}


def check(suffix: str) -> None:
    """Refuse a picture that can't be drawn, before the storm that it is of. Raises NoPlot."""
    if suffix not in WRITERS:
        raise NoPlot(f"a picture's name ends in {' or '.join(WRITERS)}")
    if suffix == ".png" and importlib.util.find_spec("PIL") is None:
        raise NoPlot(
            "a PNG needs Pillow: pip install 'fastpxe[plot]'; or name a file that ends in .svg"
        )


def picture(result: Result, suffix: str) -> bytes:
    """The picture in the format of a file name's suffix. Raises NoPlot."""
    check(suffix)
    return WRITERS[suffix](result)

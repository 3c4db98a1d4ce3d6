"""The picture of a storm: the same shapes as SVG and as PNG."""

import io
import sys
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from storm_results import result

from fastpxe.storm import plot as storm_plot
from fastpxe.storm.plot import Box, Label, NoPlot
from fastpxe.storm.report import Spread

SVG = "{http://www.w3.org/2000/svg}"


def bars() -> list[Box]:
    return [s for s in storm_plot.shapes(result()) if isinstance(s, Box) and s.colour == "#2b6cb0"]


def test_there_is_a_bar_for_each_bin_as_high_as_its_count() -> None:
    counts = [one.count for one in result().latency.histogram if one.count]
    highest = max(bar.height for bar in bars())
    assert [round(bar.height / highest * max(counts)) for bar in bars()] == counts


def test_bars_stand_side_by_side_inside_the_frame() -> None:
    assert all(a.x + a.width <= b.x for a, b in zip(bars(), bars()[1:], strict=False))
    for shape in storm_plot.shapes(result()):
        assert 0 <= shape.x <= storm_plot.WIDTH
        assert 0 <= shape.y <= storm_plot.HEIGHT


def test_it_says_what_it_shows() -> None:
    texts = [s.text for s in storm_plot.shapes(result()) if isinstance(s, Label)]
    assert texts[0] == result().plan
    assert "answered 10 of 10, duplicates 0, p50 80 us" in texts[1]
    assert "latency of the first answer" in texts


def test_svg_is_xml_with_every_shape_and_text_escaped() -> None:
    root = ET.fromstring(storm_plot.picture(result(), ".svg"))  # noqa: S314 - our own
    shapes = list(storm_plot.shapes(result()))
    assert len(root) == len(shapes)
    assert next(text.text for text in root.iter(f"{SVG}text")) == "10 clients on eth0 <&>"


def test_png_is_the_same_picture() -> None:
    image = Image.open(io.BytesIO(storm_plot.picture(result(), ".png")))
    assert image.size == (storm_plot.WIDTH, storm_plot.HEIGHT)
    bar = max(bars(), key=lambda bar: bar.height)
    middle = (round(bar.x + bar.width / 2), round(bar.y + bar.height / 2))
    assert image.getpixel(middle) == (0x2B, 0x6C, 0xB0)
    assert image.getpixel((2, 2)) == (255, 255, 255)


def test_a_storm_without_an_answer_says_so() -> None:
    picture = storm_plot.svg(result(answered=0, latency=Spread()))
    assert "no client was answered" in picture


def test_another_format_is_refused() -> None:
    with pytest.raises(NoPlot, match=r"ends in \.svg or \.png"):
        storm_plot.check(".pdf")


def test_without_pillow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)  # Python's way to say that it isn't there
    storm_plot.check(".svg")
    with pytest.raises(NoPlot, match=r"pip install 'fastpxe\[plot\]'"):
        storm_plot.check(".png")

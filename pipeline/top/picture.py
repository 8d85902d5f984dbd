"""A snapshot as a picture (SVG), for the README: the live view's own screen, drawn by `svg`."""

import io

from rich.console import Console

from pipeline.top.pages import draw
from pipeline.top.read import Snapshot
from pipeline.top.render import Frame
from pipeline.top.svg import draw as draw_svg


def picture(snapshot: Snapshot, frame: Frame) -> str:
    """Asks no other server for anything, and needs no certain font."""
    console = Console(width=frame.width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    options = console.options.update(width=frame.width, height=None)
    lines = console.render_lines(draw(snapshot, frame), options, pad=False)
    return draw_svg(lines, frame.width, frame.title)

"""A screen as an SVG that looks the same wherever it is drawn. Pure.

Promises: asks no other server for anything; each piece of text stands where its columns are whatever font there is, and
bars and blocks are drawn as shapes, so that no glyph's height or gap matters. Knows the characters that the live view
uses, not all that a terminal may show.
"""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby

from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME

from pipeline.top.text import BARS, EIGHTHS

CELL_W, LINE_H, FONT = 8.4, 18.0, 14
MARGIN, BAR_H = 14.0, 34.0
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
BACK = "#16181d"
FRONT = "#c5c8c6"
FULL = "█"
SHAPES = frozenset(f"{BARS}{FULL}{EIGHTHS} ")
Cell = tuple[str, str, str, bool]
"""A character, its colour, the colour behind it, whether it is bold."""


def draw(lines: Sequence[Sequence[Segment]], width: int, title: str) -> str:
    """Lines of `width` cells, as Rich's `Console.render_lines` gives them."""
    wide, high = 2 * MARGIN + width * CELL_W, BAR_H + MARGIN + len(lines) * LINE_H
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" '
        f'font-family="{escape(FONTS)}" font-size="{FONT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide:.0f}" height="{high:.0f}" rx="8" fill="{BACK}"/>',
        *(
            f'<circle cx="{20 + 20 * n}" cy="17" r="6" fill="{fill}"/>'
            for n, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
    ]
    for number, line in enumerate(lines):
        y = BAR_H + number * LINE_H
        cells = [(char, *_colours(piece.style or Style())) for piece in line for char in piece.text if char != "\n"]
        parts += [*_backgrounds(cells, y), *_blocks(cells, y), *_words(cells, y)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _runs(cells: Sequence[Cell], key: Callable[[Cell], object]) -> Iterator[tuple[int, list[Cell]]]:
    """Neighbours that are alike, with the column where they begin: drawn as one, they have no seams."""
    at = 0
    for _, group in groupby(cells, key):
        run = list(group)
        yield at, run
        at += len(run)


def _backgrounds(cells: Sequence[Cell], y: float) -> Iterator[str]:
    for at, run in _runs(cells, lambda cell: cell[2]):
        if run[0][2] != BACK:
            yield _rect(MARGIN + at * CELL_W, y, len(run) * CELL_W, LINE_H, run[0][2])


def _blocks(cells: Sequence[Cell], y: float) -> Iterator[str]:
    """Bars of eighths: from the line's foot up, or from the left."""
    for at, run in _runs(cells, lambda cell: (cell[0], cell[1]) if cell[0] == FULL else object()):
        char, front = run[0][0], run[0][1]
        x = MARGIN + at * CELL_W
        if char in BARS:
            height = (LINE_H - 3) * (BARS.index(char) + 1) / len(BARS)
            yield _rect(x + 0.6, y + LINE_H - 2 - height, CELL_W - 1.2, height, front)
        elif char == FULL or (char != " " and char in EIGHTHS):
            width = len(run) if char == FULL else EIGHTHS.index(char) / 8
            yield _rect(x, y + 3, CELL_W * width, LINE_H - 6, front)


def _words(cells: Sequence[Cell], y: float) -> Iterator[str]:
    """Each word by itself, at its own column and as wide as its columns: no font's width adds up over a line."""
    for at, run in _runs(cells, lambda cell: (cell[0] in SHAPES, cell[1], cell[3])):
        if run[0][0] in SHAPES:
            continue
        word, x, weight = (
            "".join(cell[0] for cell in run),
            MARGIN + at * CELL_W,
            ' font-weight="bold"' if run[0][3] else "",
        )
        yield (
            f'<text x="{x:.1f}" y="{y + 13.5:.1f}" fill="{run[0][1]}"{weight} textLength="{len(word) * CELL_W:.1f}" '
            f'lengthAdjust="spacingAndGlyphs">{escape(word)}</text>'
        )


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" fill="{fill}"/>'


def _colours(style: Style) -> tuple[str, str, bool]:
    front = FRONT if style.color is None or style.color.is_default else style.color.get_truecolor(SVG_EXPORT_THEME).hex
    back = (
        BACK
        if style.bgcolor is None or style.bgcolor.is_default
        else style.bgcolor.get_truecolor(SVG_EXPORT_THEME, foreground=False).hex
    )
    if style.reverse:
        front, back = back, front
    return _dimmed(front, back) if style.dim else front, back, bool(style.bold)


def _dimmed(front: str, back: str) -> str:
    """Two fifths of the way to the background."""
    pairs = [(int(front[n : n + 2], 16), int(back[n : n + 2], 16)) for n in (1, 3, 5)]
    return ColorTriplet(*(round(f * 0.62 + b * 0.38) for f, b in pairs)).hex

"""Keys from a terminal: what its bytes mean (pure), and the terminal in the mode that gives them one by one.

Promises: the terminal is as it was afterwards, whatever happens. A lone Esc is Esc; sequences that we don't know are
nothing.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

NAMED = {
    "\x1b": "esc",
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x03": "interrupt",
}
SEQUENCES = {"[A": "up", "[B": "down", "OA": "up", "OB": "down", "[Z": "tab"}


def decode(data: bytes) -> list[str]:
    """The keys in what came at once."""
    text, keys = data.decode(errors="replace"), []
    while text:
        if text[0] == "\x1b" and text[1:2] in ("[", "O"):
            end = next((at for at in range(2, len(text)) if "@" <= text[at] <= "~"), len(text) - 1)
            if known := SEQUENCES.get(text[1 : end + 1]):
                keys.append(known)
            text = text[end + 1 :]
            continue
        key = NAMED.get(text[0], text[0])
        if len(key) > 1 or key.isprintable():
            keys.append(key)
        text = text[1:]
    return keys


@contextmanager
def keyboard() -> Iterator[int | None]:
    """The descriptor to wait for keys at; None where nobody can type."""
    if not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def pressed(descriptor: int | None, timeout_s: float) -> list[str]:
    """Keys, as soon as there are some; none after the time."""
    ready = select.select([] if descriptor is None else [descriptor], [], [], timeout_s)[0]
    if descriptor is None or not ready:
        return []
    data = os.read(descriptor, 1024)
    return decode(data) if data else ["interrupt"]  # the terminal is gone

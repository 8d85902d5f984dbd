"""Pages of docs/ as things to run: their fenced blocks, in order.

A block's language says what is done with it: `sql` is asked of the store and must give rows, `bash` runs as a script and must succeed, a block with
`title="path"` in another language is written to that file, `json` is parsed. `title="until Ctrl-C"` starts a command in the background, which must
end well when interrupted; `title="not run here: …"` says why a block is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r'^( *)```(\w+)?(?: +title="([^"]*)")?[^\n]*\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def left_out(self) -> bool:
        """Whether it says that it is not run here, and why."""
        return self.title.startswith("not run here: ")


def pages() -> list[str]:
    """Names of the pages that people read, without the decisions."""
    return sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "adr" not in path.parts)


def blocks(page: str) -> list[Block]:
    """Of one page."""
    text = (DOCS / page).read_text()
    return [
        Block(page, text[: found.start()].count("\n") + 1, found[2] or "", found[3] or "", _dedent(found[4], found[1]))
        for found in _BLOCK.finditer(text)
    ]


def _dedent(text: str, indent: str) -> str:
    return "\n".join(line.removeprefix(indent) for line in text.split("\n"))

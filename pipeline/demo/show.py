"""Where the demo's view goes: a live screen on a terminal, else lines. Draws, decides nothing."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.clock import now_ms
from pipeline.demo.schedule import FIRST
from pipeline.demo.servers import Progress
from pipeline.top.picture import picture
from pipeline.top.read import Snapshot
from pipeline.top.render import Frame, Note, lines, screen
from pipeline.top.text import age

TITLE = "Tailrace demo"
LINE_EVERY_MS = 10_000
PICTURE_SIZE = (120, 34)
WHAT = {
    "kafka": "Kafka, where spans wait",
    "clickhouse": "ClickHouse, where rows and windows go",
    "migrate": "its tables",
    "topics": "Kafka's topics",
    "otlp": "the OTLP receiver",
    "worker-1": "a worker: spans to windows, percentiles, alerts (its first start compiles its kernels)",
    "shop": "an example shop of four services, traced by OpenTelemetry",
}


class Show:
    """What people see, from the start to the verdict."""

    def __init__(self, console: Console, draw_to: Path | None) -> None:
        self._console, self._draw_to = console, draw_to
        self._live: Live | None = None
        self._spinner = Spinner("dots", style="cyan")
        self._told: set[str] = set()
        self._last_line_ms = 0
        self._last: RenderableType | None = None
        self._notes_title = "faults"

    def __enter__(self) -> "Show":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._last is not None:
            self._console.print(self._last)

    def starting(self, progress: Progress) -> None:
        """How far the start is."""
        if not self._console.is_terminal:
            for name, took in progress.parts.items():
                if took is not None and name not in self._told:
                    self._told.add(name)
                    self.say(f"  ready after {took:4.1f} s: {WHAT.get(name, name)}")
            return
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=10)
            self._live.start()
        self._live.update(self._steps(progress))

    def _steps(self, progress: Progress) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for name, took in progress.parts.items():
            mark: RenderableType = self._spinner if took is None else Text("✓", "green")
            words = Text(WHAT.get(name, name), "" if took is None else "dim")
            table.add_row(mark, words, Text("" if took is None else f"{took:.1f} s", "dim"))
        return Group(table, Text(progress.news[: self._console.width - 1], "dim"))

    def started(self) -> None:
        """The start is over."""
        self._stop()

    def watching(self, notes_title: str) -> None:
        """From now on snapshots, with this over the faults."""
        self._notes_title = notes_title
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, screen=True)
            self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """A word; on a live screen the screen itself says it."""
        if self._live is None:
            self._console.print(text, highlight=False, soft_wrap=True)

    def snapshot(self, snapshot: Snapshot, notes: tuple[Note, ...], now_s: float, ends_s: float | None) -> None:
        """The newest figures, `now_s` after the customers came."""
        at_ms = now_ms()
        now = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
        clock = age(now_s) + (f" of {age(ends_s)}" if ends_s else "")
        told = (alert for alert in snapshot.alerts if alert.service == FIRST.service)
        if self._draw_to and any(alert.status == "firing" for alert in told):
            frame = Frame(now, *PICTURE_SIZE, TITLE, clock, notes)
            self._draw_to.write_text(picture(snapshot, frame))
        if self._live:
            size = self._console.size
            frame = Frame(now, size.width, size.height, TITLE, clock, notes, self._notes_title)
            self._last = screen(snapshot, frame)
            self._live.update(self._last, refresh=True)
        elif at_ms - self._last_line_ms >= LINE_EVERY_MS:
            self._last_line_ms = at_ms
            self._console.print(lines(snapshot, now), highlight=False, soft_wrap=True)

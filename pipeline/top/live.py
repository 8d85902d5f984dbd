"""The loop of `tailrace top`: draw what the feeds know, take keys. Ends on q or Ctrl-C, or after one screen.

Promises: whoever hangs (the store, Kafka, a worker) is said within five seconds with the age of what is shown, and keys
go on. Decides nothing of the looks (`pages`) and nothing of the keys (`view`).
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.live import Live
from urllib3.exceptions import HTTPError

from pipeline.clock import now_ms
from pipeline.errors import Misconfigured, NotNow, TailraceError
from pipeline.settings import Settings
from pipeline.sinks.clickhouse.connection import connect as connect_store
from pipeline.top.feed import Feed, Told
from pipeline.top.keys import keyboard, pressed
from pipeline.top.pages import draw
from pipeline.top.pulse import Pulse, Workers
from pipeline.top.read import Detail, Snapshot, look_into, read
from pipeline.top.render import Frame
from pipeline.top.view import View, press

PATIENCE_S = 5
"""So long ClickHouse may take for an answer."""
REDRAW_S = 0.5
SAMPLE_S = 1.5
"""Between two readings of workers, where there is one screen only: delays are of what came in between."""

KAFKA_EVERY_S = 1.5
"""With its own patience of three seconds, one that hangs is said within five."""

Looked = tuple[Snapshot, Detail | None]


def connect(settings: Settings) -> Client:
    """A client for the settings' ClickHouse; Misconfigured, with the cure, where it can't be reached."""
    try:
        return connect_store(settings.model_copy(update={"insert_timeout_s": PATIENCE_S}))
    except (NotNow, HTTPError) as error:
        where = settings.redacted()["clickhouse_url"]
        raise Misconfigured(
            f"ClickHouse at {where} does not answer", "Start it with `tailrace up`, or set TAILRACE_CLICKHOUSE_URL"
        ) from error


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked besides the store."""

    workers: tuple[str, ...] = ()
    """Addresses, http://host:port."""
    lag: Callable[[], int | None] | None = None
    """Where no worker tells it."""
    kafka: Callable[[], object] = bool
    """Raises TailraceError where it does not answer."""


class LiveView:
    """What is asked again and again, what somebody has chosen, and how it looks on this console."""

    def __init__(self, settings: Settings, client: Client, asked: Asked, console: Console, every_s: float) -> None:
        workers = Workers(asked.workers, asked.lag)
        self._client, self._console, self.view = client, console, View()
        self._shown: Looked = (Snapshot(), None)
        errors = (ClickHouseError, HTTPError)
        words: Callable[[Exception], str] = lambda error: str(_unreadable(settings, error))  # noqa: E731 - typed
        self._store = Feed("ClickHouse", self._look, every_s, errors, words)
        self._pulse = Feed("the workers' metrics", lambda: workers.read(time.monotonic()), every_s, ())
        self._kafka = Feed("Kafka", asked.kafka, KAFKA_EVERY_S, (TailraceError, OSError))
        self._drawn_at = datetime.fromtimestamp(now_ms() / 1000, tz=UTC)

    def run(self) -> None:
        """Until somebody ends it."""
        feeds = (self._store, self._pulse, self._kafka)
        for feed in feeds:
            feed.start()
        try:
            with keyboard() as typed, Live(console=self._console, auto_refresh=False, screen=True) as live:
                self._store.first(REDRAW_S)
                while not self.view.ended:
                    live.update(draw(*self._screen()), refresh=True)
                    for key in pressed(typed, REDRAW_S):
                        self._press(key)
        finally:
            for feed in feeds:
                feed.stop()

    def _press(self, key: str) -> None:
        before = self.view
        self.view = press(before, key, self._shown[0])
        if _looked_into(self.view) != _looked_into(before):
            self._store.hurry()

    def _look(self) -> Looked:
        service, operation = _looked_into(self.view)
        return read(self._client), look_into(self._client, service, operation) if service else None

    def _screen(self) -> tuple[Snapshot, Frame]:
        """What is known now; while it is paused, what was known then."""
        now_s, store, pulse = time.monotonic(), self._store.told, self._pulse.told
        if not self.view.paused:
            if store.value is not None:
                self._shown = (replace(store.value[0], pulse=pulse.value or Pulse()), store.value[1])
            self._drawn_at = datetime.fromtimestamp(now_ms() / 1000, tz=UTC)
        elif store.value is not None and store.value[1] is not None:
            self._shown = (self._shown[0], store.value[1])  # looking into something else is no figure that moves
        size = self._console.size
        snapshot, detail = self._shown
        told = _warnings(now_s, store, pulse, self._kafka.told)
        return snapshot, Frame(self._drawn_at, size.width, size.height, view=self.view, detail=detail, warnings=told)


def _warnings(now_s: float, store: Told[Looked], pulse: Told[Pulse], kafka: Told[object]) -> tuple[str, ...]:
    silent = f"{', '.join(pulse.value.silent)} does not answer" if pulse.value and pulse.value.silent else ""
    return tuple(words for words in (store.warning(now_s), kafka.warning(now_s), pulse.warning(now_s), silent) if words)


def _looked_into(view: View) -> tuple[str, tuple[str, str, str] | None]:
    return view.service, view.operation if view.page == "operation" else None


def watch(
    settings: Settings,
    console: Console,
    asked: Asked,
    *,
    once: bool,
    every_s: float,
) -> None:
    """Draw until stopped. A store that goes away while we look is waited for, and said."""
    client = connect(settings)
    if not once:
        with contextlib.suppress(KeyboardInterrupt):
            LiveView(settings, client, asked, console, every_s).run()
        return
    try:
        snapshot = read(client, _sampled(Workers(asked.workers, asked.lag), wait=bool(asked.workers)))
    except (ClickHouseError, HTTPError) as error:
        raise _unreadable(settings, error) from error
    size = console.size
    console.print(draw(snapshot, Frame(datetime.fromtimestamp(now_ms() / 1000, tz=UTC), size.width, size.height)))


def _sampled(workers: Workers, *, wait: bool) -> Pulse:
    """Figures of the time between two readings: since the start they would tell of what was caught up with, long ago."""
    first = workers.read(time.monotonic())
    if not wait:
        return first
    time.sleep(SAMPLE_S)
    return workers.read(time.monotonic())


def _unreadable(settings: Settings, error: Exception) -> Misconfigured:
    words = str(error).splitlines()[0][:300]
    where = settings.redacted()["clickhouse_url"]
    return Misconfigured(f"ClickHouse at {where} can't be read: {words}", "`tailrace doctor` says what is wrong there")

"""The loop of `tailrace top`: read, draw, wait. Ends on Ctrl-C or after one screen."""

import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text
from urllib3.exceptions import HTTPError

from pipeline.clock import now_ms
from pipeline.errors import Misconfigured, NotNow
from pipeline.settings import Settings
from pipeline.sinks.clickhouse.connection import connect as connect_store
from pipeline.top.pulse import Workers
from pipeline.top.read import read
from pipeline.top.render import Frame, screen


def connect(settings: Settings) -> Client:
    """A client for the settings' ClickHouse; Misconfigured, with the cure, where it can't be reached."""
    try:
        return connect_store(settings)
    except (NotNow, HTTPError) as error:
        where = settings.redacted()["clickhouse_url"]
        raise Misconfigured(
            f"ClickHouse at {where} does not answer", "Start it with `tailrace up`, or set TAILRACE_CLICKHOUSE_URL"
        ) from error


class LiveView:
    """What is asked again and again, and how it looks on this console."""

    def __init__(self, client: Client, workers: Workers, console: Console) -> None:
        self._client, self._workers, self._console = client, workers, console

    def draw(self) -> RenderableType:
        """One screen. Raises ClickHouseError and HTTPError as the client does."""
        now = datetime.fromtimestamp(now_ms() / 1000, tz=UTC)
        size = self._console.size
        snapshot = read(self._client, self._workers.read(time.monotonic()))
        return screen(snapshot, Frame(now, size.width, size.height))


def watch(
    settings: Settings,
    console: Console,
    workers: Sequence[str],
    lag: Callable[[], int | None],
    *,
    once: bool,
    every_s: float,
) -> None:
    """Draw until stopped. A store that goes away while we look is waited for, and said."""
    view = LiveView(connect(settings), Workers(workers, lag), console)
    if once:
        try:
            console.print(view.draw())
        except (ClickHouseError, HTTPError) as error:
            raise _unreadable(settings, error) from error
        return
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            try:
                live.update(view.draw(), refresh=True)
            except (ClickHouseError, HTTPError) as error:
                live.update(Text(f"{_unreadable(settings, error)}\nTrying again …", "yellow"), refresh=True)
            time.sleep(every_s)


def _unreadable(settings: Settings, error: Exception) -> Misconfigured:
    words = str(error).splitlines()[0][:300]
    where = settings.redacted()["clickhouse_url"]
    return Misconfigured(f"ClickHouse at {where} can't be read: {words}", "`tailrace doctor` says what is wrong there")

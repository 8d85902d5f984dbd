"""The loop of `tailrace top`: read, draw, wait. Ends on Ctrl-C or after one screen."""

import contextlib
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.live import Live
from urllib3.exceptions import HTTPError

from pipeline.clock import now_ms
from pipeline.errors import Misconfigured
from pipeline.settings import Settings
from pipeline.top.read import read
from pipeline.top.render import screen


def connect(settings: Settings) -> Client:
    """A client for the settings' ClickHouse; Misconfigured, with the cure, where it can't be reached."""
    parts = urlsplit(settings.clickhouse_url)
    try:
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=parts.port or 0,
            username=parts.username or settings.clickhouse_user,
            password=parts.password or settings.clickhouse_password.get_secret_value(),
            database=settings.database,
            autogenerate_session_id=False,
        )
    except (ClickHouseError, HTTPError) as error:
        where = settings.redacted()["clickhouse_url"]
        raise Misconfigured(
            f"ClickHouse at {where} does not answer", "Start it with `tailrace up`, or set TAILRACE_CLICKHOUSE_URL"
        ) from error


def watch(settings: Settings, console: Console, *, once: bool, every_s: float) -> None:
    """Draw until stopped."""
    client = connect(settings)
    if once:
        console.print(screen(read(client), _now()))
        return
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(screen(read(client), _now()), refresh=True)
            time.sleep(every_s)


def _now() -> datetime:
    return datetime.fromtimestamp(now_ms() / 1000, tz=UTC)

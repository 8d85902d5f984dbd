"""One place that opens connections to ClickHouse, from the settings.

Promises: no session ids (requests run side by side), no compression on loopback, errors that name their cure. Does not
make the database.
"""

import difflib
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import Misconfigured
from pipeline.settings import Settings
from pipeline.sinks.clickhouse.errors import UNKNOWN_DATABASE, code_of, translate

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def connect(settings: Settings, *, database: str | None = None) -> Client:
    """A client of `database` (default: the settings'; "" for none).

    NotNow where nobody answers, Misconfigured where we are not let in.
    """
    url = urlsplit(settings.clickhouse_url)
    local = url.hostname in LOOPBACK
    try:
        return clickhouse_connect.get_client(
            interface=url.scheme,
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            username=unquote(url.username) if url.username else settings.clickhouse_user,
            password=unquote(url.password) if url.password else settings.clickhouse_password.get_secret_value(),
            database=settings.database if database is None else database,
            compress=False if local else "lz4",
            connect_timeout=max(1, min(10, int(settings.insert_timeout_s))),
            send_receive_timeout=max(1, int(settings.insert_timeout_s)),
            autogenerate_session_id=False,
            query_limit=0,
            client_name="tailrace",
            show_clickhouse_errors="scrub",
        )
    except ClickHouseError as error:
        if code_of(error) == UNKNOWN_DATABASE:
            raise _no_database(settings) from None
        raise translate(error, f"connecting to {url.hostname}:{url.port or ''}") from None
    except ValueError as error:
        raise Misconfigured(
            f"TAILRACE_CLICKHOUSE_URL: {error}", "Write http(s)://[user:password@]host:port/database"
        ) from None


def _no_database(settings: Settings) -> Misconfigured:
    """The server answers, and the database is not there: a name that is misspelt, or tables that are still to be made."""
    url = urlsplit(settings.clickhouse_url)
    client = connect(settings, database="")
    try:
        names = [str(name) for (name,) in client.query("SELECT name FROM system.databases").result_rows]
    except ClickHouseError:
        names = []  # this user may not see them
    finally:
        client.close()
    near = difflib.get_close_matches(settings.database, names, 1)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    return Misconfigured(
        f"ClickHouse at {url.hostname}:{url.port or ''} answers, but has no database {settings.database!r}{guess}",
        "Run `tailrace migrate` to make it, or correct the name in TAILRACE_CLICKHOUSE_URL",
    )


def is_embedded(client: Client) -> bool:
    """Whether this is chDB's engine behind our own gateway: it alone has the table function `python`."""
    try:
        return bool(client.query("SELECT count() FROM system.table_functions WHERE name = 'python'").result_rows[0][0])
    except ClickHouseError as error:
        raise translate(error, "looking at the engine") from None

"""The store under test: the embedded engine as a process of its own, or any server named by TAILRACE_TEST_CLICKHOUSE_URL (without a database)."""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse import ClickHouse
from pipeline.sinks.clickhouse.migrate import migrate
from tests.support.clickhouse import ClickHouseProcess

_numbers = count(1)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a ClickHouse."""
    if given := os.environ.get("TAILRACE_TEST_CLICKHOUSE_URL"):
        yield given.rstrip("/")
        return
    with ClickHouseProcess() as server:
        yield server.start(tmp_path_factory.mktemp("clickhouse")).rstrip("/")


@pytest.fixture
def settings(server_url: str) -> Settings:
    """Settings that name a database of this test alone; not made yet."""
    return load({}, clickhouse_url=f"{server_url}/t{os.getpid()}_{next(_numbers)}", clickhouse_plain_ok=True)[0]


@pytest.fixture
def migrated(settings: Settings) -> Iterator[Settings]:
    """The same, with our schema in it; dropped in the end."""
    migrate(settings)
    yield settings
    client = open_client(settings)
    client.command(f"DROP DATABASE {settings.database}")
    client.close()


@pytest.fixture
def client(migrated: Settings) -> Iterator[Client]:
    """A plain client of the migrated database."""
    client = open_client(migrated)
    yield client
    client.close()


@pytest.fixture
async def sink(migrated: Settings) -> AsyncIterator[ClickHouse]:
    """The sink, on the migrated database."""
    sink = ClickHouse(migrated)
    yield sink
    await sink.close()


def open_client(settings: Settings) -> Client:
    """As an outsider would connect."""
    return clickhouse_connect.get_client(dsn=settings.clickhouse_url, autogenerate_session_id=False)

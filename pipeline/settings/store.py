"""Settings of ClickHouse: where it is, who we are there, what kind of tables it gets."""

from typing import ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr

from pipeline.settings.base import DatabaseUrl, Section


class Store(Section):
    """ClickHouse and what is written there."""

    title: ClassVar[str] = "ClickHouse"

    clickhouse_url: DatabaseUrl = Field(
        "http://127.0.0.1:8123/tailrace",
        description="ClickHouse over HTTP: http(s)://[user:password@]host:port/database",
        repr=False,
    )
    clickhouse_user: str = Field("default", description="user, where the URL names none")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="password, where the URL names none")
    clickhouse_replicated: bool = Field(False, description="make Replicated tables (a real server with Keeper)")
    clickhouse_plain_ok: bool = Field(
        False, description="accept plain MergeTree on a real server, though it can lose a repeated insert after a crash"
    )
    store_spans: bool = Field(True, description="1: windows and raw rows; 0: windows only")
    deduplication_window: int = Field(10_000, ge=1000, description="insert tokens that each table remembers")

    @property
    def database(self) -> str:
        """The database's name, from the URL."""
        return unquote(urlsplit(self.clickhouse_url).path.strip("/"))

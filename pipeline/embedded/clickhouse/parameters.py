"""What the address of a request carries: words of the transport, settings, query parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.embedded.clickhouse.check import refused_setting
from pipeline.embedded.clickhouse.errors import UNKNOWN_SETTING, ClickHouseError
from pipeline.embedded.clickhouse.names import is_refused_setting

_TRANSPORT = frozenset(
    """database query user password quota_key query_id session_id session_timeout session_check close_session role
    default_format compress decompress wait_end_of_query buffer_size http_response_buffer_size client_protocol_version
    stacktrace add_http_cors_header enable_http_compression http_zlib_compression_level send_progress_in_http_headers
    http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close http_make_head_request
    http_native_compression_disable_checksumming_on_decompress http_write_exception_in_output_format
    date_time_output_format_""".split()  # noqa: SIM905 - readable
)
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(slots=True)
class Parameters:
    """Of one request; external tables' specifications are taken out by `take`."""

    transport: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def get(self, name: str, otherwise: str = "") -> str:
        """A word of the transport."""
        return self.transport.get(name, otherwise)

    def flag(self, name: str) -> bool:
        """Whether a word of the transport is on."""
        return self.transport.get(name, "").lower() in ("1", "true")

    def add(self, query: Mapping[str, str]) -> None:
        """From the address, or from the fields of a form."""
        for name, value in query.items():
            if name in _TRANSPORT:
                self.transport[name] = value
            elif name.startswith("param_"):
                self.values[name.removeprefix("param_")] = value
            else:
                self.settings[name] = value

    def take(self, name: str) -> str | None:
        """Out of the settings: what turns out to be part of an external table."""
        return self.settings.pop(name, None)

    def checked_settings(self) -> dict[str, str]:
        """Raises for names that could not be settings or may not be set; the engine says which of the others exist."""
        for name in self.settings:
            if not _NAME.fullmatch(name):
                raise ClickHouseError(
                    UNKNOWN_SETTING,
                    f"Setting {name!r} is neither a builtin setting nor started with the prefix 'SQL_'.",
                )
            if is_refused_setting(name.encode()):
                raise refused_setting(name)
        return self.settings


def quoted(text: str) -> str:
    """As a string literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Which names of ClickHouse may be used here: functions, formats, settings.

Promises: of what the engine has, only what was read and listed is let through
(infra/clickhouse/embedded_functions.txt), so that a newer engine brings no new way out; what the engine does not know
(tables, columns, functions made in SQL) is none of its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

_WHY = {
    b"PYTHON": "it reads variables of the server's process",
    b"FILE": "it reads files of the machine",
    b"EXECUTABLE": "it runs programs",
    b"CATBOOSTEVALUATE": "it loads libraries",
    b"DISK": "it defines storage outside the data folder",
    b"URL": "it reaches addresses",
    b"REMOTE": "it reaches other servers",
    b"EVAL": "its text can't be checked",
}
_SOURCES = """FILE PYTHON EXECUTABLE CATBOOSTEVALUATE DISK EVAL URL URLCLUSTER REMOTE REMOTESECURE CLUSTER CLUSTERALLREPLICAS S3 GCS HDFS
 MYSQL POSTGRESQL MONGODB REDIS SQLITE JDBC ODBC FILESYSTEM FILECLUSTER ICEBERG DELTALAKE HUDI AZUREBLOBSTORAGE REVERSEDNSQUERY"""
_FORMATS = """
    Arrow ArrowStream Avro BSONEachRow Buffers CSV CSVWithNames CSVWithNamesAndTypes CustomSeparated CustomSeparatedIgnoreSpaces
    CustomSeparatedIgnoreSpacesWithNames CustomSeparatedIgnoreSpacesWithNamesAndTypes CustomSeparatedWithNames
    CustomSeparatedWithNamesAndTypes Form GeoJSON Hash HiveText JSON JSONAsObject JSONAsString JSONColumns JSONColumnsWithMetadata
    JSONCompact JSONCompactColumns JSONCompactEachRow JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes
    JSONCompactEachRowWithProgress JSONCompactStrings JSONCompactStringsEachRow JSONCompactStringsEachRowWithNames
    JSONCompactStringsEachRowWithNamesAndTypes JSONCompactStringsEachRowWithProgress JSONEachRow JSONEachRowWithProgress JSONL JSONLines
    JSONObjectEachRow JSONStrings JSONStringsEachRow JSONStringsEachRowWithProgress LineAsString LineAsStringWithNames
    LineAsStringWithNamesAndTypes MD Markdown MsgPack MySQLDump NDJSON Native Npy Null ORC One PNG Parquet ParquetMetadata Pretty
    PrettyCompact PrettyCompactMonoBlock PrettyCompactNoEscapes PrettyCompactNoEscapesMonoBlock PrettyJSONEachRow PrettyJSONLines
    PrettyMonoBlock PrettyNDJSON PrettyNoEscapes PrettyNoEscapesMonoBlock PrettySpace PrettySpaceMonoBlock PrettySpaceNoEscapes
    PrettySpaceNoEscapesMonoBlock Prometheus Raw RawBLOB RawWithNames RawWithNamesAndTypes Regexp RowBinary RowBinaryWithDefaults
    RowBinaryWithNames RowBinaryWithNamesAndTypes RowBinaryWithNamesAndTypesAndDefaults SQLInsert TSKV TSV TSVRaw TSVRawWithNames
    TSVRawWithNamesAndTypes TSVWithNames TSVWithNamesAndTypes TabSeparated TabSeparatedRaw TabSeparatedRawWithNames
    TabSeparatedRawWithNamesAndTypes TabSeparatedWithNames TabSeparatedWithNamesAndTypes Values Vertical XML"""
_ALLOWED_FORMATS = frozenset(_FORMATS.upper().encode().split())
_FORMATS_WITH_FILES = frozenset(
    b"TEMPLATE TEMPLATEIGNORESPACES PROTOBUF PROTOBUFLIST PROTOBUFSINGLE CAPNPROTO AVROCONFLUENT DWARF PUFFIN PUFFINMETADATA".split()
)
_REFUSED_SETTING = re.compile(
    rb"""FILTER|ADDITIONAL_\w+|PARALLEL_REPLICAS_CUSTOM_KEY\w*|CLUSTER_FOR_PARALLEL_REPLICAS|\w*DIALECT|FORMAT_SCHEMA\w*
    |OUTPUT_FORMAT_SCHEMA|FORMAT_TEMPLATE_\w+|\w*SCHEMA_REGISTRY_URL|\w*_PATH|URL_BASE|S3_BASE|RENAME_FILES_AFTER_PROCESSING
    |HTTP_ALLOW_(?:DATABASE|TABLE|FILTERS)\w*|AI_\w+|\w+_CREDENTIALS|DYNAMIC_DISK_\w+|WEBASSEMBLY_\w+|ENGINE_FILE_\w+|INTO_OUTFILE\w*
    |FILESYSTEM_CACHE_NAME|S3_ALLOW_SERVER_CREDENTIALS\w*|ALLOW_EXPERIMENTAL_EVAL\w*|IMPLICIT_TABLE_AT_TOP_LEVEL
    |INPUT_FORMAT_VALUES_INTERPRET_EXPRESSIONS""",
    re.VERBOSE,
)


@cache
def reviewed() -> frozenset[bytes]:
    """Functions and table functions that may be called, in capitals."""
    text = (Path(str(resources.files("infra"))) / "clickhouse" / "embedded_functions.txt").read_text()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(" ".join(lines).upper().encode().split())


def refused_functions(of_engine: Iterable[str]) -> frozenset[bytes]:
    """Of the functions and table functions that an engine has, and of those always refused, what may not be called.

    In capitals.
    """
    return frozenset(name.upper().encode() for name in of_engine) - reviewed() | frozenset(_SOURCES.encode().split())


def why(function: bytes) -> str:
    """What a refused function does, for an error's text."""
    return _WHY.get(function, "it may reach files, addresses or the machine's settings")


def is_format(name: bytes) -> bool:
    """Whether it is the name of a format, allowed or not, and so ends what is SQL of an INSERT."""
    return name.upper() in _ALLOWED_FORMATS or name.upper() in _FORMATS_WITH_FILES


def refused_formats(of_engine: Iterable[str]) -> frozenset[bytes]:
    """Of the formats that an engine has, those that need a file or an address besides; in capitals."""
    return (frozenset(name.upper().encode() for name in of_engine) | _FORMATS_WITH_FILES) - _ALLOWED_FORMATS


def is_refused_setting(name: bytes) -> bool:
    """Whether it names files or addresses, or holds SQL that nobody could check."""
    return _REFUSED_SETTING.fullmatch(name.upper()) is not None

"""Resources and scopes of any signal as columns, and what all columns share.

Texts cut, attributes, values found by name.

Promises: every place lies inside the columns' buffer. Copies no text.
"""

import numpy as np

from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.frames import RESOURCES, SCOPES
from pipeline.kernels.wire.owners import Named, find
from pipeline.kernels.wire.utf8 import cut_at_character
from pipeline.model.span_columns import I32, I64, U8, Attributes, Resources, Scopes, Strings
from pipeline.stages.decode.rules import NAME_MAX
from pipeline.stages.decode.signals import Tables
from pipeline.stages.decode.tables import Scanned
from pipeline.stages.decode.texts import UNKNOWN_SERVICE

ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
VERSION = ("service.version",)
KEYS = {
    name: np.frombuffer(bytearray(name.encode()), np.uint8)
    for name in (
        "service.name",
        "service.version",
        "deployment.environment.name",
        "deployment.environment",
        "SampleRate",
    )
}


def owners_attributes(scanned: Scanned[Tables]) -> list[tuple[Rows, int]]:
    """Resources' and scopes' attributes, and how many each has."""
    return [(owner.attributes, int(owner.attributes_first[-1])) for owner in (scanned.resources, scanned.scopes)]


def cut_keys(buffer: U8, lists: list[tuple[Rows, int]]) -> int:
    """Cut attributes' keys; how many."""
    return sum(cut_texts(buffer, rows.key_at[:used], rows.key_length[:used], NAME_MAX) for rows, used in lists)


def cut_owners(buffer: U8, scanned: Scanned[Tables]) -> int:
    """Cut what would stand in each row of a resource or scope; how many."""
    t, resources, scopes = scanned.tables, scanned.rows[RESOURCES], scanned.rows[SCOPES]
    return (
        cut_texts(buffer, scanned.scopes.name_at, scanned.scopes.name_length, NAME_MAX)
        + cut_texts(buffer, scanned.scopes.version_at, scanned.scopes.version_length, NAME_MAX)
        + cut_texts(buffer, t.scopes.url_at[:scopes], t.scopes.url_length[:scopes], NAME_MAX)
        + cut_texts(buffer, t.resources.url_at[:resources], t.resources.url_length[:resources], NAME_MAX)
    )


def cut_texts(buffer: U8, at: I64, length: I32, length_max: int) -> int:
    """Cut texts in place, at a character; how many were too long.

    Costs a look at each length, and Python for those that are cut.
    """
    long = np.flatnonzero(length > length_max)
    for i in long.tolist():
        length[i] = cut_at_character(buffer, at[i], length[i], length_max)
    return len(long)


def resources_of(buffer: U8, scanned: Scanned[Tables], unknown_at: int) -> Resources:
    """Resources, `unknown_service` where one has no name."""
    owners, n = scanned.resources, scanned.rows[RESOURCES]
    names = found(buffer, owners, "service.name")
    missing = names.length == 0
    names.at[missing] = unknown_at
    names.length[missing] = len(UNKNOWN_SERVICE)
    framed = scanned.tables.resources
    urls = Strings(framed.url_at[:n], framed.url_length[:n])
    return Resources(attributes_of(owners.attributes_first, owners.attributes), urls, names)


def scopes_of(scanned: Scanned[Tables]) -> Scopes:
    """Scopes."""
    owners, n, framed = scanned.scopes, scanned.rows[SCOPES], scanned.tables.scopes
    return Scopes(
        Strings(owners.name_at, owners.name_length),
        Strings(owners.version_at, owners.version_length),
        attributes_of(owners.attributes_first, owners.attributes),
        Strings(framed.url_at[:n], framed.url_length[:n]),
    )


def attributes_of(first: I64, rows: Rows) -> Attributes:
    """Attributes, spare room cut off."""
    n = int(first[-1])
    key, value = Strings(rows.key_at[:n], rows.key_length[:n]), Strings(rows.value_at[:n], rows.value_length[:n])
    return Attributes(first, key, value, rows.kind[:n])


def found(buffer: U8, owners: Named, *names: str) -> Strings:
    """The value of the first of these attributes that is there and not empty, per owner."""
    n = len(owners.name_at)
    at: I64 = np.zeros(n, np.int64)
    length: I32 = np.zeros(n, np.int32)
    for name in names:
        find(buffer, owners.attributes_first, owners.attributes, KEYS[name], at, length)
    cut_texts(buffer, at, length, NAME_MAX)
    return Strings(at, length)

"""What decoding has to know of a signal: its leaves' tables and kernel, and how much room they usually take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.kernels.jit import Int
from pipeline.kernels.wire.attributes import Rows
from pipeline.kernels.wire.codes import BAD_TIME, TOO_OLD
from pipeline.kernels.wire.envelope import Requests
from pipeline.kernels.wire.fields import U8
from pipeline.kernels.wire.frames import Bad, Owners, Pieces
from pipeline.kernels.wire.leaves import log_record, log_record_columns, span, span_columns
from pipeline.kernels.wire.walk import Walk
from pipeline.stages.decode.json_request import Form, form_of

Column = npt.NDArray[Any]


class LeafColumns(Protocol):
    """What every leaf's columns begin with."""

    @property
    def record(self) -> npt.NDArray[np.int32]:
        """Each leaf's record."""


class LeafTables(Protocol):
    """Tables that every signal has."""

    @property
    def resources(self) -> Owners:
        """Resources, and the pieces of their messages."""

    @property
    def resource_pieces(self) -> Pieces:
        """See `resources`."""

    @property
    def scopes(self) -> Owners:
        """Scopes, and the pieces of their messages."""

    @property
    def scope_pieces(self) -> Pieces:
        """See `scopes`."""

    @property
    def columns(self) -> LeafColumns:
        """One row a leaf."""

    @property
    def bad(self) -> Bad:
        """Leaves that were left out."""

    @property
    def attributes(self) -> Rows:
        """The leaves' own attributes."""


Tables = TypeVar("Tables", bound=LeafTables)


@dataclass(frozen=True, slots=True)
class Signal(Generic[Tables]):
    """One kind of request."""

    plural: str
    """What its leaves are called, for people."""
    form: Form
    """Where they stand in a request of JSON."""
    tables: type[Tables]
    scan: Callable[[U8, Requests, Walk, Int], tuple[Int, Int]]
    bytes_a_leaf: int
    """Of a small one, with its attributes: for the tables' first sizes.

    Smaller ones make them grow, each time a record is scanned again.
    """
    names: int | None = None
    """The table of texts that get numbers."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """What codes say of these leaves, where that is another thing than of spans."""


SPANS = Signal(
    "spans", form_of(ExportTraceServiceRequest), span_columns.Tables, span.scan, 128, names=span_columns.NAMES
)
LOG_RECORDS = Signal(
    "log records",
    form_of(ExportLogsServiceRequest),
    log_record_columns.Tables,
    log_record.scan,
    64,
    errors={
        BAD_TIME: "Kafka gives the record no time that can be",
        TOO_OLD: "the log record is older than log records are kept",
    },
)

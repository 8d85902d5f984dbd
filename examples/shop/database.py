"""The shop's database: SQLite through SQLAlchemy, instrumented; products and orders.

Promises: made and filled at start, the same content every time. One database a service, and a pool of connections of
its own for what is slow, so that a slow query holds up nobody else.
"""

import sqlite3
import time
from pathlib import Path

from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, create_engine, event, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool, StaticPool

METADATA = MetaData()
PRODUCTS = Table(
    "products", METADATA, Column("id", Integer, primary_key=True), Column("name", String), Column("price", Float)
)
ORDERS = Table(
    "orders", METADATA, Column("id", Integer, primary_key=True), Column("product_id", Integer), Column("amount", Float)
)

SLOW_SQL = text(Path(__file__).with_name("slow_query.sql").read_text())
"""The fault `slow_query`."""


def open_database() -> tuple[Engine, Engine]:
    """A filled database in memory, and connections for slow queries; both instrumented."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            PRODUCTS.insert(), [{"id": i, "name": f"product {i}", "price": 5.0 + i % 40} for i in range(1, 201)]
        )
    slow = create_engine("sqlite://", poolclass=QueuePool, connect_args={"check_same_thread": False}, pool_size=50)
    event.listen(slow, "connect", _teach_waiting)
    SQLAlchemyInstrumentor().instrument(engines=[engine, slow])
    return engine, slow


def _teach_waiting(connection: sqlite3.Connection, _: object) -> None:
    connection.create_function("wait_ms", 1, lambda ms: time.sleep(ms / 1000))


def product(connection: Connection, product_id: int) -> dict[str, object] | None:
    """One product by id."""
    row = connection.execute(select(PRODUCTS).where(PRODUCTS.c.id == product_id)).mappings().first()
    return dict(row) if row else None

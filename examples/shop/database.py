"""The shop's database: SQLite through SQLAlchemy, instrumented; products and orders.

Promises: made and filled at start, the same content every time. One engine a service.
"""

from pathlib import Path

from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, create_engine, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

METADATA = MetaData()
PRODUCTS = Table(
    "products", METADATA, Column("id", Integer, primary_key=True), Column("name", String), Column("price", Float)
)
ORDERS = Table(
    "orders", METADATA, Column("id", Integer, primary_key=True), Column("product_id", Integer), Column("amount", Float)
)

SLOW_SQL = text(Path(__file__).with_name("slow_query.sql").read_text())
"""A query with no index to help it: the fault `slow_query`."""


def open_database() -> Engine:
    """A filled database in memory, instrumented."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            PRODUCTS.insert(), [{"id": i, "name": f"product {i}", "price": 5.0 + i % 40} for i in range(1, 201)]
        )
    SQLAlchemyInstrumentor().instrument(engine=engine)
    return engine


def product(connection: Connection, product_id: int) -> dict[str, object] | None:
    """One product by id."""
    row = connection.execute(select(PRODUCTS).where(PRODUCTS.c.id == product_id)).mappings().first()
    return dict(row) if row else None

"""The four services. Each function makes one FastAPI app; addresses of the others are arguments.

Promises: an upstream's failure becomes a 502 with the name of who failed; an unknown product is a 404.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException
from opentelemetry import trace
from pydantic import BaseModel, Field
from sqlalchemy import select

from examples.shop.database import ORDERS, PRODUCTS, SLOW_SQL, open_database, product
from examples.shop.faults import add_faults
from examples.shop.telemetry import SilenceableExporter

Addresses = dict[str, str]
TRACER = trace.get_tracer("examples.shop")


class Order(BaseModel):
    """What a customer wants to buy."""

    product_id: int = Field(ge=1)
    quantity: int = Field(ge=1, le=100)


async def call(client: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
    """One request to another service; its failure is ours, with its name."""
    try:
        answer = await client.request(method, url, **arguments)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise HTTPException(404 if status == 404 else 502, f"{url}: {status}") from error
    except httpx.TransportError as error:
        raise HTTPException(502, f"{url}: {type(error).__name__}") from error
    return answer.json()


def storefront(addresses: Addresses, exporter: SilenceableExporter) -> FastAPI:
    """What customers see."""
    app = FastAPI(title="storefront")
    add_faults(app, exporter)
    client = httpx.AsyncClient(timeout=10)

    @app.get("/")
    async def home() -> dict[str, object]:
        return {"featured": await call(client, "GET", f"{addresses['catalog']}/products")}

    @app.get("/products/{product_id}")
    async def show(product_id: int) -> object:
        return await call(client, "GET", f"{addresses['catalog']}/products/{product_id}")

    @app.post("/buy")
    async def buy(order: Order) -> object:
        with TRACER.start_as_current_span("buy", attributes={"shop.quantity": order.quantity}):
            return await call(client, "POST", f"{addresses['checkout']}/orders", json=order.model_dump())

    return app


def catalog(_: Addresses, exporter: SilenceableExporter) -> FastAPI:
    """Products, from SQL."""
    app = FastAPI(title="catalog")
    faults = add_faults(app, exporter)
    engine, slow = open_database()

    def run_slow() -> None:
        with slow.connect() as connection:
            connection.execute(SLOW_SQL)

    @app.get("/products")
    async def featured() -> list[dict[str, object]]:
        with engine.connect() as connection:
            rows = connection.execute(select(PRODUCTS).limit(20)).mappings().all()
        return [dict(row) for row in rows]

    @app.get("/products/{product_id}")
    async def one(product_id: int) -> dict[str, object]:
        if faults.active("slow_query"):
            await asyncio.to_thread(run_slow)
        with engine.connect() as connection:
            found = product(connection, product_id)
        if found is None:
            raise HTTPException(404, f"no product {product_id}")
        return found

    return app


def checkout(addresses: Addresses, exporter: SilenceableExporter) -> FastAPI:
    """Orders: look up the price, take the money, write it down."""
    app = FastAPI(title="checkout")
    add_faults(app, exporter)
    engine, _ = open_database()
    client = httpx.AsyncClient(timeout=10)

    @app.post("/orders", status_code=201)
    async def place(order: Order) -> dict[str, object]:
        found = await call(client, "GET", f"{addresses['catalog']}/products/{order.product_id}")
        amount = found["price"] * order.quantity
        with TRACER.start_as_current_span("place order", attributes={"shop.amount": amount, "shop.currency": "EUR"}):
            await call(client, "POST", f"{addresses['payments']}/payments", json={"amount": amount})
            with engine.begin() as connection:
                connection.execute(ORDERS.insert().values(product_id=order.product_id, amount=amount))
        return {"paid": amount}

    return app


class Payment(BaseModel):
    """Money to take."""

    amount: float = Field(gt=0)


def payments(_: Addresses, exporter: SilenceableExporter) -> FastAPI:
    """Money, through a bank (a span of kind client; the fault `slow_dependency` makes it slow)."""
    app = FastAPI(title="payments")
    faults = add_faults(app, exporter)

    @app.post("/payments", status_code=201)
    async def pay(payment: Payment) -> dict[str, object]:
        attributes = {"server.address": "bank.example", "http.request.method": "POST"}
        with TRACER.start_as_current_span("POST bank", kind=trace.SpanKind.CLIENT, attributes=attributes):
            await asyncio.sleep(0.008)
            await faults.delay("slow_dependency")
        return {"accepted": payment.amount}

    return app


SERVICES: dict[str, Callable[[Addresses, SilenceableExporter], FastAPI]] = {
    "storefront": storefront,
    "catalog": catalog,
    "checkout": checkout,
    "payments": payments,
}

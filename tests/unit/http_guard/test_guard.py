"""The guard of every HTTP server of ours: programs notice nothing, pages of other origins and rebound names get nothing."""

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from pipeline.agents.http import bound_to, open_doors
from pipeline.errors import Misconfigured
from pipeline.http_guard import demand_locked, guard, is_loopback, objection

EVERYWHERE = "0.0.0.0"  # noqa: S104 - only named, not bound
FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8123"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "10.0.0.1:8123"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example", "Host": "evil.example"},
]
OWN = [
    {},
    {"Host": "localhost:1"},
    {"Host": "[::1]:1"},
    {"Host": "127.0.0.1"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost:1", "Host": "localhost:1", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_another_page_caused_is_refused_on_loopback(headers: dict[str, str]) -> None:
    assert objection(headers, bound_host="127.0.0.1") is not None


@pytest.mark.parametrize("headers", OWN)
@pytest.mark.parametrize("bound_host", ["127.0.0.1", "localhost", "[::1]", EVERYWHERE])
def test_programs_and_own_pages_notice_nothing(headers: dict[str, str], bound_host: str) -> None:
    assert objection(headers, bound_host=bound_host) is None


def test_settings_say_which_other_origins_may_send() -> None:
    headers = {"Host": "localhost:4318", "Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
    assert objection(headers, bound_host="127.0.0.1", origins=("https://shop.example",)) is None
    assert objection(headers, bound_host="127.0.0.1", origins=("*",)) is None
    assert objection(headers, bound_host="127.0.0.1", origins=("https://other.example",)) is not None
    assert objection(headers | {"Host": "evil.example"}, bound_host="127.0.0.1", origins=("*",)) is not None


def test_beyond_loopback_any_name_of_the_machine_is_fine_but_foreign_pages_are_not() -> None:
    assert objection({"Host": "collector:4318"}, bound_host=EVERYWHERE) is None
    assert objection({"Host": "collector:4318", "Origin": "http://evil.example"}, bound_host=EVERYWHERE) is not None


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=12))
def test_no_header_breaks_the_guard(host: str, origin: str, site: str) -> None:
    why = objection({"Host": host, "Origin": origin, "Sec-Fetch-Site": site}, bound_host="127.0.0.1")
    assert why is None or why


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1"])
def test_an_address_that_others_can_reach_is_locked_or_asked_for(address: str) -> None:
    with pytest.raises(Misconfigured, match="X_HTTP"):
        demand_locked("X_HTTP", address, insecure_setting="X_INSECURE", insecure=False)
    for allowed in ({"insecure": True}, {"insecure": False, "locked": True}):
        demand_locked("X_HTTP", address, insecure_setting="X_INSECURE", **allowed)
    demand_locked("X_HTTP", "[::1]:1", insecure_setting="X_INSECURE", insecure=False)


def test_loopback_has_many_names_and_no_others() -> None:
    assert all(map(is_loopback, ("localhost", "a.localhost", "LOCALHOST.", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("localhost.evil.example", "", "127.0.0.1.nip.io", EVERYWHERE, "::")))


async def test_a_worker_s_server_is_guarded() -> None:
    runner = await open_doors("127.0.0.1:0", False, lambda: b"tailrace_x 1\n", lambda: True)
    try:
        async with aiohttp.ClientSession() as session:
            for path in ("/metrics", "/live", "/ready"):
                url = f"http://{bound_to(runner)}{path}"
                for headers in FOREIGN:
                    async with session.get(url, headers=headers) as response:
                        assert response.status == 403, headers
                async with session.get(url) as response:
                    assert response.status == 200
    finally:
        await runner.cleanup()


async def test_the_guard_refuses_before_the_handler() -> None:
    called: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.Response()

    app = web.Application(middlewares=[guard("127.0.0.1")])
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            url = "http://{}:{}/".format(*runner.addresses[0])
            async with session.post(url, data=b"DROP", headers={"Origin": "http://evil.example"}) as response:
                assert (response.status, called) == (403, [])
            async with session.post(url, data=b"x") as response:
                assert (response.status, called) == (200, ["/"])
    finally:
        await runner.cleanup()

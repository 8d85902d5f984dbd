"""What workers say of themselves, asked over real sockets."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

from pipeline.cli.running_checks import _workers
from pipeline.embedded.lifeline import free_port
from pipeline.errors import Misconfigured
from pipeline.operations.running import running_here
from pipeline.operations.workers import WorkerState, addresses_of, ask
from pipeline.settings import Settings


@contextmanager
def worker(status: int, body: bytes, others: Mapping[str, tuple[int, bytes]] = MappingProxyType({})) -> Iterator[str]:
    """Something that answers so, and on some paths otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, text = others.get(self.path, (status, body))
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Not to the terminal."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


READY = json.dumps({"status": "ready"}).encode()
HALTED = json.dumps({"status": "halted", "halted": {"otlp_spans/3": {"reason": "never", "cure": "mend it"}}}).encode()


def states_of(folder: Path, *addresses: str) -> list[WorkerState]:
    (folder / "up.json").write_text(json.dumps({"worker_http": addresses}))
    return ask(addresses_of(Settings.model_validate({"data_dir": folder})))


def test_each_worker_is_asked_and_halted_partitions_are_named() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with worker(200, READY) as good, worker(503, HALTED) as bad:
        states = ask([good, bad, nobody])
    assert [state.status for state in states] == ["ready", "halted", "gone"]
    assert states[1].halted == {"otlp_spans/3": "never. mend it"}


def test_a_worker_that_tells_its_state_alone_is_heard_too() -> None:
    with worker(200, READY, {"/status": (403, b'{"error": "only this machine may ask for that"}')}) as elsewhere:
        assert [state.status for state in ask([elsewhere])] == ["ready"]
    with worker(200, READY, {"/status": (404, b"404: Not Found")}) as older:
        assert [state.status for state in ask([older])] == ["ready"]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff\xfe"])
def test_an_answer_that_is_no_workers_is_none(body: bytes) -> None:
    with worker(200, body) as odd:
        assert ask([odd])[0].status == "gone"


def test_doctor_finds_the_workers_of_up_and_says_what_stands_still(tmp_path: Path) -> None:
    with worker(200, READY) as good, worker(503, HALTED) as bad:
        assert _workers(states_of(tmp_path, good)).says == "1 ready"
        with pytest.raises(Misconfigured, match=r"otlp_spans/3 is halted: never\. mend it"):
            _workers(states_of(tmp_path, good, bad))
    with pytest.raises(Misconfigured, match="does not answer"):
        _workers(states_of(tmp_path, good))


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00"])
def test_a_torn_file_of_addresses_is_no_address(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    assert running_here(tmp_path) == {}
    assert running_here(tmp_path / "nowhere") == {}

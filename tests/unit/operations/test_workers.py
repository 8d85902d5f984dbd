"""What workers say of themselves, asked over real sockets."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.cli.doctor import _workers
from pipeline.embedded.lifeline import free_port
from pipeline.errors import Misconfigured
from pipeline.operations.running import running_here
from pipeline.operations.workers import ask
from pipeline.settings import Settings


@contextmanager
def worker(status: int, body: bytes) -> Iterator[str]:
    """Something that answers /ready so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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


def settings_of(folder: Path, *addresses: str) -> Settings:
    (folder / "up.json").write_text(json.dumps({"worker_http": addresses}))
    return Settings.model_validate({"data_dir": folder})


def test_each_worker_is_asked_and_halted_partitions_are_named() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with worker(200, READY) as good, worker(503, HALTED) as bad:
        states = ask([good, bad, nobody])
    assert [state.status for state in states] == ["ready", "halted", "gone"]
    assert states[1].halted == {"otlp_spans/3": "never. mend it"}


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff\xfe"])
def test_an_answer_that_is_no_workers_is_none(body: bytes) -> None:
    with worker(200, body) as odd:
        assert ask([odd])[0].status == "gone"


def test_doctor_finds_the_workers_of_up_and_says_what_stands_still(tmp_path: Path) -> None:
    with worker(200, READY) as good, worker(503, HALTED) as bad:
        assert _workers(settings_of(tmp_path, good)) == "1 ready"
        with pytest.raises(Misconfigured, match=r"otlp_spans/3 is halted: never\. mend it"):
            _workers(settings_of(tmp_path, good, bad))
    with pytest.raises(Misconfigured, match="does not answer"):
        _workers(settings_of(tmp_path, good))


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00"])
def test_a_torn_file_of_addresses_is_no_address(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    assert running_here(tmp_path) == {}
    assert running_here(tmp_path / "nowhere") == {}

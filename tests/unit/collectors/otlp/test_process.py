"""The receiver as a process where Kafka isn't there: it tells clients to come back, and stops when asked."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from tests.support.otlp_receiver import PROTOBUF, request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status_of(url: str, body: bytes | None) -> int | None:
    """HTTP status, None while nobody listens."""
    try:
        asked = urllib.request.Request(url, data=body, headers=PROTOBUF)  # noqa: S310 - our own server
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError:
        return None


def start(**settings: str) -> "subprocess.Popen[str]":
    environment = os.environ | {f"TAILRACE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "collectors.otlp", "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_without_kafka_it_is_alive_not_ready_and_stops_well() -> None:
    port = free_port()
    nowhere = f"127.0.0.1:{free_port()}"
    doors = {"otlp_http": f"127.0.0.1:{port}", "otlp_grpc": "127.0.0.1:0", "kafka_bootstrap": nowhere}
    with start(otlp_publish_deadline_s="0.3", **doors) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while status_of(f"{url}/live", None) != 200:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert status_of(f"{url}/ready", None) == 503
            assert status_of(f"{url}/v1/traces", request(["a"]).SerializeToString()) == 503
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert f"Kafka at {nowhere} is not there yet" in err


def test_wrong_settings_are_named_in_a_line() -> None:
    with start(otlp_http="0.0.0.0:4318") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "TAILRACE_OTLP_INSECURE=1" in err
    assert "Traceback" not in err

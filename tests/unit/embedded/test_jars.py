"""The jar cache: whole or not there, shared, resumed, and clear about its cure."""

import hashlib
import multiprocessing
import threading
from pathlib import Path

import pytest

from pipeline.embedded.kafka import jars
from pipeline.embedded.kafka.jars import Jar, ensure, read_lock
from pipeline.errors import Misconfigured, NotNow


def content(name: str) -> bytes:
    return name.encode() * 100


def a_jar(name: str) -> Jar:
    return Jar("org.example", name, "1.0", hashlib.sha256(content(name)).hexdigest())


JARS = [a_jar(f"part{n}") for n in range(20)]


class Repository:
    """Gives what is asked for, and counts; `broken` names can't be had."""

    def __init__(self, broken: frozenset[str] = frozenset(), altered: frozenset[str] = frozenset()) -> None:
        self.broken, self.altered = broken, altered
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, jar: Jar, folder: Path) -> Path:
        with self._lock:
            self.asked.append(jar.artifact)
        if jar.artifact in self.broken:
            raise NotNow("ConnectionError: no route")
        path = folder / "some.jar"
        path.write_bytes(b"<html>" if jar.artifact in self.altered else content(jar.artifact))
        return path


def silent(_: str) -> None:
    """Progress goes nowhere."""


def test_the_lock_file_pins_every_jar_by_coordinate_and_checksum() -> None:
    pinned = read_lock()
    assert len(pinned) == 46
    assert len({jar.file_name for jar in pinned}) == 46
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in pinned)
    assert {jar.version for jar in pinned if jar.group == "org.apache.kafka"} == {"4.2.1"}


def test_a_full_cache_asks_nobody(tmp_path: Path) -> None:
    first, second = Repository(), Repository()
    paths = ensure(tmp_path, JARS, first, silent)
    assert [path.read_bytes() for path in paths] == [content(jar.artifact) for jar in JARS]
    assert ensure(tmp_path, JARS, second, silent) == paths
    assert (len(first.asked), second.asked) == (20, [])
    assert not (tmp_path / ".staging").exists()


def test_a_damaged_jar_is_fetched_again(tmp_path: Path) -> None:
    path = ensure(tmp_path, JARS, Repository(), silent)[3]
    path.write_bytes(b"cut sho")
    again = Repository()
    ensure(tmp_path, JARS, again, silent)
    assert again.asked == ["part3"]


def test_offline_says_the_cure_and_what_came_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "RETRY_S", 0.001)
    with pytest.raises(Misconfigured, match=r"part19.*no route.*goes on where it stopped.*copy"):
        ensure(tmp_path, JARS, Repository(broken=frozenset({"part19"})), silent)
    later = Repository()
    ensure(tmp_path, JARS, later, silent)
    assert "part19" in later.asked
    assert len(later.asked) < len(JARS)


def test_another_checksum_is_refused_and_nothing_of_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "RETRY_S", 0.001)
    with pytest.raises(Misconfigured, match=r"org\.example:part5:1\.0 has another checksum"):
        ensure(tmp_path, JARS, Repository(altered=frozenset({"part5"})), silent)
    assert not (tmp_path / JARS[5].file_name).exists()


def _fetch_in_a_process(cache: Path, counted: Path) -> None:
    repository = Repository()
    ensure(cache, JARS, repository, silent)
    counted.write_text(str(len(repository.asked)))


def test_two_processes_at_once_fetch_each_jar_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    counts = [tmp_path / f"count{n}" for n in range(2)]
    both = [context.Process(target=_fetch_in_a_process, args=(tmp_path / "jars", count)) for count in counts]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(int(count.read_text()) for count in counts) == [0, 20]


def test_a_folder_that_cannot_be_written_says_which_setting_helps(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="TAILRACE_CACHE_DIR"):
        ensure(tmp_path / "file" / "jars", JARS, Repository(), silent)


def test_progress_is_told_while_they_come(tmp_path: Path) -> None:
    told: list[str] = []
    ensure(tmp_path, JARS, Repository(), told.append)
    assert told[0].startswith("Kafka: fetching 20 of 20 jars")
    assert told[-1].startswith("Kafka: 20 of 20 jars")
    assert len(told) == 3


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TAILRACE_CACHE_DIR": "/srv/jars", "XDG_CACHE_HOME": "/srv/cache"}, "/srv/jars/jars"),
        ({"XDG_CACHE_HOME": "/srv/cache"}, "/srv/cache/tailrace/jars"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/u/.cache/tailrace/jars"),
        ({}, "/home/u/.cache/tailrace/jars"),
    ],
)
def test_the_cache_is_where_the_user_or_the_desktop_wants_it(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TAILRACE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/u", **environment}.items():
        monkeypatch.setenv(name, value)
    assert jars.default_cache() == Path(expected)

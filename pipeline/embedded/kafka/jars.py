"""Kafka's jars: pinned by coordinate and sha256, fetched once into a cache that all data folders share.

Promises: a jar in the cache is whole (it is checked beside the cache and then renamed into it) and is checked again at
each start; two processes may fetch at once; what has come stays when the rest does not. Resolves no dependencies: the
lock file is the whole list.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import infra
from pipeline.errors import Misconfigured, NotNow

LOCK_FILE = Path(infra.__file__).parent / "kafka" / "kafka_jars.lock"
ATTEMPTS = 3
RETRY_S = 0.3
"""Wait after the first failed attempt at one jar; doubles."""

Fetch = Callable[["Jar", Path], Path]
"""Brings one jar into the given empty folder and says where it is. NotNow, where it could not."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """As Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """Unique in the cache: the checksum's head keeps two versions of a pin apart."""
        return f"{self.artifact}-{self.version}-{self.sha256[:12]}.jar"


def read_lock(path: Path = LOCK_FILE) -> list[Jar]:
    """The pinned jars, in the order of the class path."""
    jars = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, digest = line.split(" sha256:")
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, digest))
    return jars


def default_cache() -> Path:
    """Folder `jars` of `$TAILRACE_CACHE_DIR`, else of `tailrace` below `$XDG_CACHE_HOME` (where absolute), else below ~/.cache."""
    if root := os.environ.get("TAILRACE_CACHE_DIR"):
        return Path(root) / "jars"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "tailrace" / "jars"


def ensure(
    cache: Path, jars: list[Jar], fetch: Fetch | None = None, tell: Callable[[str], None] | None = None
) -> list[Path]:
    """All jars' paths, fetching what is missing or damaged. Misconfigured with the cure, where that can't be done."""
    if _missing(cache, jars):
        with _alone(cache, tell or _stderr):
            missing = _missing(cache, jars)  # another process may have brought them while we waited
            if missing:
                _fetch_all(cache, missing, len(jars), fetch or fetch_with_jgo, tell or _stderr)
    return [cache / jar.file_name for jar in jars]


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """One jar by `jgo`, from the repository that it knows.

    Proxies are those of the environment, as `requests` has it; certificates are those that this system trusts.
    """
    import requests
    import truststore
    from jgo.maven import MavenContext, PythonResolver

    truststore.inject_into_ssl()
    context = MavenContext(repo_cache=folder, local_repos=[], resolver=PythonResolver())
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        return Path(artifact.resolve())
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise NotNow(f"{type(error).__name__}: {str(error)[:200]}") from error


def _missing(cache: Path, jars: list[Jar]) -> list[Jar]:
    with ThreadPoolExecutor(4) as pool:
        whole = pool.map(lambda jar: _is_whole(cache / jar.file_name, jar), jars)
        return [jar for jar, good in zip(jars, whole, strict=True) if not good]


def _is_whole(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:  # not there, or not to be read: fetching says what is wrong with the folder
        return False


@contextmanager
def _alone(cache: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Only one process fetches; the others wait for it, or take over when it dies."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / ".lock").open("w")
    except OSError as error:
        cure = "Set TAILRACE_CACHE_DIR to a folder that this user may write to"
        raise Misconfigured(f"The jar cache {cache} can't be used: {error.strerror}", cure) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Kafka: another process is fetching the jars; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_all(cache: Path, missing: list[Jar], total: int, fetch: Fetch, tell: Callable[[str], None]) -> None:
    staging = cache / ".staging"
    shutil.rmtree(staging, ignore_errors=True)  # of a process that died; the lock says that nobody works there
    tell(f"Kafka: fetching {len(missing)} of {total} jars (about 42 MB in all), once, into {cache}")
    arrived, size, next_told = 0, 0, 10
    failed: list[tuple[Jar, Exception]] = []
    with ThreadPoolExecutor(8) as pool:
        jobs = {pool.submit(_fetch_one, cache, staging, jar, fetch): jar for jar in missing}
        for job in as_completed(jobs):
            try:
                size += job.result()
            except (NotNow, Misconfigured) as error:
                failed.append((jobs[job], error))
                pool.shutdown(wait=False, cancel_futures=True)
                break
            arrived += 1
            if arrived >= next_told or arrived == len(missing):
                tell(f"Kafka: {arrived} of {len(missing)} jars, {size / 1e6:.0f} MB")
                next_told = arrived + 10
    shutil.rmtree(staging, ignore_errors=True)
    if failed:
        raise _explain(cache, *failed[0], len(_missing(cache, missing)))


def _fetch_one(cache: Path, staging: Path, jar: Jar, fetch: Fetch) -> int:
    """Bytes of the jar that is now in the cache."""
    for attempt in range(ATTEMPTS):
        folder = staging / f"{jar.artifact}-{attempt}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            path = fetch(jar, folder)
        except NotNow:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(RETRY_S * 2**attempt)
            continue
        if _is_whole(path, jar):
            size = path.stat().st_size
            path.replace(cache / jar.file_name)
            return size
    raise Misconfigured(
        f"{jar.coordinate} has another checksum than {LOCK_FILE.name} says",
        "A proxy may have answered in the repository's place: try from another network; nothing of it was kept",
    )


def _explain(cache: Path, jar: Jar, error: Exception, left: int) -> Misconfigured:
    if isinstance(error, Misconfigured):
        return error
    return Misconfigured(
        f"Kafka's jars can't be fetched: {jar.coordinate}: {error} ({left} jars are still missing)",
        f"Connect to the network (HTTPS_PROXY is honoured) and start again, it goes on where it stopped; or copy {cache} "
        "from a machine that has it",
    )


def _stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

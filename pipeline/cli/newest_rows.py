"""How old the newest of each kind of row is: spans, windows, closed windows. One question to the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import Settings

NEWEST = Path(__file__).with_name("sql") / "newest_rows.sql"
WHAT = ("span", "window", "closed window")


@dataclass(frozen=True, slots=True)
class Newest:
    """Ages in seconds by the store's clock, None where there is no row. Since the start of each."""

    ages_s: tuple[float | None, ...]

    def words(self) -> list[tuple[str, str]]:
        """What and how old, of those that there are."""
        from pipeline.top.text import age

        told = [(f"newest {what}", seconds) for what, seconds in zip(WHAT, self.ages_s, strict=True)]
        return [(what, f"{age(seconds)} old") for what, seconds in told if seconds is not None]

    def data(self) -> dict[str, float | None]:
        """For programs."""
        return {
            f"newest_{what.replace(' ', '_')}_age_s": seconds for what, seconds in zip(WHAT, self.ages_s, strict=True)
        }


def newest(settings: Settings, patience_s: int) -> Newest:
    """Asked of ClickHouse. NotNow, Misconfigured as it says."""
    from clickhouse_connect.driver.exceptions import ClickHouseError
    from urllib3.exceptions import HTTPError

    from pipeline.errors import NotNow
    from pipeline.sinks.clickhouse.connection import connect
    from pipeline.sinks.clickhouse.errors import translate

    client = connect(settings.model_copy(update={"insert_timeout_s": patience_s}))
    try:
        (row,) = client.query(NEWEST.read_text()).result_rows
    except ClickHouseError as error:
        raise translate(error, "looking for the newest rows") from None
    except HTTPError as error:
        raise NotNow(f"ClickHouse does not answer: {error}") from None
    finally:
        client.close()
    return Newest(tuple(None if value is None else max(0.0, float(value)) for value in row))

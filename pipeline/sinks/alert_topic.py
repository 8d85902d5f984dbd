"""Alerts as records of the compacted topic `alerts`, and back.

Key = fingerprint, value = the alert's present state as JSON.

Promises: pure; `read` after `write` is equal; the newest record of a key is the alert. A record that is no alert is
skipped and counted, never a crash: others may write to the topic. Produces and consumes nothing itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from pipeline.model.outcome import Message
from schemas.alert import Alert
from schemas.topics import ALERTS


def write(alerts: Sequence[Alert]) -> list[Message]:
    """One message per alert, in their order."""
    return [Message(ALERTS, encode(alert), key=alert.fingerprint.encode()) for alert in alerts]


def encode(alert: Alert) -> bytes:
    """Alertmanager's field names, UTC times, no empty `endsAt`."""
    return alert.model_dump_json(by_alias=True, exclude_none=True).encode()


@dataclass(slots=True)
class AlertStates:
    """The topic, folded: each alert's present state."""

    by_fingerprint: dict[str, Alert] = field(default_factory=dict)
    unreadable: int = 0

    def read(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> list[Alert]:
        """Fold records (key, value) in; the alerts that they hold. A record without value ends its key (a tombstone)."""
        seen: list[Alert] = []
        for key, value in records:
            if not value:
                self.by_fingerprint.pop((key or b"").decode(errors="replace"), None)
                continue
            try:
                alert = Alert.model_validate_json(value)
            except ValidationError:
                self.unreadable += 1
                continue
            self.by_fingerprint[alert.fingerprint] = alert
            seen.append(alert)
        return seen

    def firing(self) -> list[Alert]:
        """Those that are firing now, oldest first."""
        alerts = [alert for alert in self.by_fingerprint.values() if alert.status == "firing"]
        return sorted(alerts, key=lambda alert: (alert.starts_at, alert.fingerprint))

"""The error tree: three signals, three meanings.

    TailraceError
    ├── NotNow            back-pressure: try again, nothing is wrong with the data
    ├── Never             this input can't be done, ever; it needs another way out (dead letter, intent skip)
    ├── Fenced            somebody else owns the partition by now: drop everything, read afresh
    └── Misconfigured     a setting or an outside part is wrong; says the cure; exit code 2

Who understands an error decides its kind; who holds the offsets acts on it. Anything else that is raised is a crash,
and ends the process.
"""


class TailraceError(Exception):
    """Base of all errors that Tailrace raises on purpose."""


class NotNow(TailraceError):  # noqa: N818 - a signal, named by its meaning
    """Network, overload, time-out: repeat later, the data is sound."""


class Never(TailraceError):  # noqa: N818
    """Repeating can't help: `reason` is a short code, the message says what was seen."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Fenced(TailraceError):  # noqa: N818
    """The group's generation moved on, or its answer is unknown: this membership ends."""


class Misconfigured(TailraceError):  # noqa: N818
    """A setting or a part outside is wrong. `cure` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(f"{message}. {cure}")
        self.cure = cure

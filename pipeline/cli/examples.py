"""Examples under a command's `--help`."""


def examples(*lines: str) -> str:
    """The epilog of a command: each line as it stands, not joined and wrapped."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))

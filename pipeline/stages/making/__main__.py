"""Write the generated modules."""

from pathlib import Path

from pipeline.kernels.wire import leaves
from pipeline.stages.making import modules


def main() -> None:
    """Write all files beside the package's `__init__`."""
    folder = Path(leaves.__path__[0])
    for name, text in modules().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()

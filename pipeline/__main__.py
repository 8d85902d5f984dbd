"""`python -m pipeline` is `tailrace`."""

from pipeline.cli import main

main()

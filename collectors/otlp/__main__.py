"""`python -m collectors.otlp`: the receiver on its own."""

from collectors.life import main
from collectors.otlp.collector import OTLP

if __name__ == "__main__":
    main(OTLP)

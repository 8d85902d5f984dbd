"""`python -m pipeline.embedded.clickhouse --data-dir D --port N`: works without the rest of the command line."""

import sys

from pipeline.embedded.clickhouse.server import main

sys.exit(main())

"""Speed, as ratios within one run. `make bench` runs them all; `make bench ARGS="worker --spans 1000000"` runs one."""

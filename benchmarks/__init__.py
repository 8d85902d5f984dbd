"""Speed, as ratios within one run.

`make bench` runs the kernels; `make bench ARGS=peers` one that needs servers, `ARGS=--help` names all.
"""

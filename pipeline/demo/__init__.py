"""The demo: `up` in a folder of its own, the example shop, customers, faults on a schedule, the live view, and a verdict."""

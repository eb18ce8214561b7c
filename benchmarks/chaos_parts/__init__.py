"""The test of searches under faults: one idea a file, put together by `benchmarks/chaos.py`."""

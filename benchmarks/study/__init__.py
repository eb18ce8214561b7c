"""The study of natural images: one idea a file, put together by `benchmarks/natural_images.py`."""

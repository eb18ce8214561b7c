"""Data sets, leak-free splits, and batches on the device."""

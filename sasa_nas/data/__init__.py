"""Data sets, leak-free splits, and batches that live on the device."""

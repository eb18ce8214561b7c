"""Images read while a network is trained: files decoded and augmented by worker processes, in constant memory."""

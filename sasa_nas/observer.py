"""The observer that long calls report their progress to."""


class Observer:
    """Receives the progress of a call; its methods do nothing until a subclass overrides them.

    Observers are called in the thread of the call they observe, so that they must be quick.
    """

    def decoding(self, done: int, images: int) -> None:
        """Report images of a folder decoded so far; not called if all are in the cache.

        Args:
            done: Images that are decoded.
            images: Images of the folder.
        """

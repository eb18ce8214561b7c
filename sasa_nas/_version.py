"""Version of the package, apart from its public names so that every room may know it."""

__version__ = "0.1.0"

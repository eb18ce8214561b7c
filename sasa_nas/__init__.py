"""Where in an image network does self-attention help most, per FLOP?"""

__version__ = "0.1.0"

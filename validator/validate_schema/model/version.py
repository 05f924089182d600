"""The version of the product: written in reports, corrections and the keys of cached templates."""

__version__ = "0.1.0"

"""Measurements of what the library promises; each prints JSON and runs by ``python -m``."""

"""``python -m lib`` from a checkout is ``python -m reproduction``."""

from reproduction.__main__ import main

main(prog_name="python -m reproduction")

"""What the chapters of the book show of stored runs, so that notebooks stay short."""

from lib.chapters.assumptions import register_table
from lib.chapters.choices import choice_tables, grid_table, searches, tuning_runs
from lib.chapters.curves import (
    by_model,
    consistent,
    mean_curve,
    of_dataset,
    panels,
    path,
    share_panels,
    unlearning,
)
from lib.chapters.forgotten import forgotten_table
from lib.chapters.layers import layer_table
from lib.chapters.mixing import mixing_table
from lib.chapters.origin import claim_table, command, provenance, verdict_table
from lib.chapters.pictures import layer_masks, ring_picture
from lib.chapters.rivals import rivals_table
from lib.chapters.rows import (
    ACCURACIES,
    CLASSES,
    class_name,
    comparison,
    coverage,
    every_method,
    of_kind,
)
from lib.chapters.selection import moved
from lib.chapters.settings import settings_table
from lib.chapters.share_tables import share_tables

__all__ = [
    "rivals_table",
    "ACCURACIES",
    "CLASSES",
    "by_model",
    "choice_tables",
    "claim_table",
    "class_name",
    "command",
    "comparison",
    "consistent",
    "coverage",
    "every_method",
    "forgotten_table",
    "grid_table",
    "layer_masks",
    "layer_table",
    "mean_curve",
    "mixing_table",
    "moved",
    "of_dataset",
    "of_kind",
    "panels",
    "path",
    "provenance",
    "register_table",
    "ring_picture",
    "searches",
    "settings_table",
    "share_panels",
    "share_tables",
    "tuning_runs",
    "unlearning",
    "verdict_table",
]

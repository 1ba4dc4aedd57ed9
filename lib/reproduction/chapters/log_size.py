"""How large an update log becomes, by a formula, and sizes in words."""

PER_STEP = 48
"""Bytes of a step beside its values and sample ids: epoch, count, checksums, places in a shard."""

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def log_bytes(
    weights: float,
    steps: float,
    *,
    pruned: float,
    batch_size: int = 128,
    value_bytes: int = 2,
    id_bytes: int = 4,
) -> float:
    """Bytes of the log of a whole training, to within what its metadata takes.

    Args:
        weights: that are recorded; for adapters those alone.
        steps: optimizer steps of the training.
        pruned: fraction of all entries of an update that is pruned away, 0..1, by a random mask.
        batch_size: samples a step.
        value_bytes: 2 for bfloat16 and float16, 4 for float32.
        id_bytes: of a sample id: 1, 2, 4 or 8.

    >>> round(log_bytes(1e9, 10_000, pruned=0.9) / 1e12, 2)  # a billion weights: terabytes
    2.0
    """
    values = (1 - pruned) * weights * value_bytes
    return steps * (values + batch_size * id_bytes + PER_STEP)


def in_words(amount: float) -> str:
    """Bytes with the unit that fits, ``1.2 TB``.

    >>> in_words(450), in_words(2.0e12)
    ('450 B', '2 TB')
    """
    place = min(max(0, len(f"{int(amount)}") - 1) // 3, len(UNITS) - 1)
    return f"{amount / 1000**place:.3g} {UNITS[place]}"

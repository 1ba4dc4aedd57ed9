"""Tensors of wrapped models: what ``torch.compile`` or a parallel wrapper puts into their names."""

from collections.abc import Collection

WRAPPERS = {"_orig_mod", "module", "model", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def _bare(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.split(".") if part not in WRAPPERS)


def renamed(given: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Given names -> known ones that differ by words of wrappers only; empty if it is unclear.

    >>> renamed(["_orig_mod.0.weight", "0.bias"], ["0.weight", "0.bias"])
    {'_orig_mod.0.weight': '0.weight'}
    """
    bare = {_bare(name): name for name in known}
    pairs = {name: bare.get(_bare(name), name) for name in given}
    if len(bare) < len(known) or len(set(pairs.values())) < len(pairs):
        return {}
    return {name: other for name, other in pairs.items() if name != other}

"""The unlearners: one short file each."""

import lazy_loader

__getattr__, _, __all__ = lazy_loader.attach(__name__, ["amnesiac", "gradient", "sisa"])

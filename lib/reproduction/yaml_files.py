"""Reading YAML files."""

from pathlib import Path
from typing import Any

import yaml

# libyaml's reads in a tenth of the time, and pages read the profiles and claims many times.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 (whatever stands there)
    """What a file holds, as plain values; raises yaml.YAMLError where it is no YAML."""
    return parse_yaml(path.read_text(encoding="utf-8"))


def parse_yaml(text: str) -> Any:  # noqa: ANN401 (whatever stands there)
    """What a text says, as :func:`read_yaml`."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 (it is safe)

"""The helper package of the lab: one function per verb, one package per stage.

    import labkit as lab
    broker = lab.start_broker()

Each public name is listed in ``__init__.pyi``, with its signature, and imported on first use. So
``import labkit`` is instant, and a notebook without widgets never needs the built front end.
"""

from __future__ import annotations

import sys
from typing import Any

# `python -m labkit` puts the working directory first on the path, where a `random.py` of the user
# would replace Python's own. While this package is imported for `-m`, argv[0] is "-m".
# See: Python documentation, ``sys.argv`` and option ``-P``.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    del sys.path[0]

import lazy_loader as lazy

__version__ = "0.1.0"

_import_name, _, _names = lazy.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]


def __getattr__(name: str) -> Any:
    if name in _names:
        return _import_name(name)
    msg = f"module 'labkit' has no attribute {name!r}"
    raise AttributeError(msg, name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Show error cards in a notebook: ``%load_ext labkit``."""
    from labkit.diagnostics.error_card.error_card import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Show no more of them: ``%unload_ext labkit``."""
    from labkit.diagnostics.error_card.error_card import unload

    unload(shell)

"""The helper package of the lab: one function per verb, one package per stage.

    import labkit as lab
    broker = lab.start_broker()

Each public name is listed in ``__init__.pyi``, with its signature, and imported on first use. So
``import labkit`` is instant, and a notebook without widgets never needs the built front end.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# In a program of the lab's own, nothing is imported from the working directory, where a `random.py`
# of the user would replace Python's. It gets onto the path by `python -m`, and by an empty entry of
# PYTHONPATH. While this package is imported for `-m`, argv[0] is "-m". In a notebook, or a script
# of the user, the path stays as it is.
if os.path.basename(sys.argv[0] if sys.argv else "").partition(".")[0] in ("-m", "labkit"):  # noqa: PTH119
    try:
        _here = os.getcwd()  # noqa: PTH109  # pathlib is not imported yet, and could be theirs
        sys.path[:] = [one for one in sys.path if os.path.abspath(one) != _here]  # noqa: PTH100
    except FileNotFoundError:
        pass  # it has been deleted
    if "error" in sys.warnoptions:  # PYTHONWARNINGS: meant for the user's own code
        import warnings

        for kind in (DeprecationWarning, ResourceWarning):  # of packages that the lab needs, and
            warnings.simplefilter("ignore", kind)  # of brokers that go on after the command

import lazy_loader as lazy

__version__ = "0.1.0"

_import_name, _, _names = lazy.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]


def __getattr__(name: str) -> Any:
    if name in _names:
        from labkit.core.hidden_modules import refuse_hidden_modules

        refuse_hidden_modules()
        return _import_name(name)
    msg = f"module 'labkit' has no attribute {name!r}"
    raise AttributeError(msg, name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Show error cards, and let ``!labkit`` find this Python's command: ``%load_ext labkit``."""
    import sysconfig

    from labkit.diagnostics.error_card.error_card import load

    # Jupyter, or an editor, that was started without this environment does not have it on its PATH.
    scripts, path = sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != scripts:
        os.environ["PATH"] = os.pathsep.join([scripts, path])
    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Show no more of them: ``%unload_ext labkit``."""
    from labkit.diagnostics.error_card.error_card import unload

    unload(shell)

"""The error card: below a traceback in a notebook, what is behind it and what to type."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "error_card": ["load", "unload"],
    },
)

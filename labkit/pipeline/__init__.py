"""All stages together: ``labkit up``, ``down``, ``status`` and ``soak``.

It imports `faults`, `checker`, `ledger`, `api` and all stages. Start with `pipeline`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "pipeline": ["Pipeline"],
    },
)

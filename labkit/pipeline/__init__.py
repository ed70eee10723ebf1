"""All stages together: ``labkit up``, ``down``, ``status`` and ``soak``.

It imports `faults`, `checker`, `ledger`, `api` and all stages. Start with `pipeline`.

- `pipeline`: the stages as one object that starts and stops
- `up`, over `up_display`: ``labkit up``
- `down`: ``labkit down`` and ``labkit reset``
- `lab_status`: ``labkit status``
- `soak`: ``labkit soak``, fault after fault, and its report
- `server`: ``labkit service``, the lab as services of a Linux server
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "pipeline": ["Pipeline"],
    },
)

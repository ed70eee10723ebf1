"""Diagnostics: what is wrong, and what to type; the doctor, the watch and the error card.

It imports `ledger`, `topics`, `broker` and what is below them. Start with `doctor`.

- `doctor`: the facade's function, which runs all checks; `machine_report`: shows their results.
- `check_machine`, `check_java`, `check_lab_folder`, `check_broker`: the checks of a machine.
- `check_topic`: why a consumer gets no records, or gets some twice.
- `known_problems`: fifteen problems with their answers; ``error_card/`` shows them in a notebook.
- ``watch/``: ``labkit watch``, which asks again and again, for a terminal and for Prometheus.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "doctor": ["doctor"],
    },
)

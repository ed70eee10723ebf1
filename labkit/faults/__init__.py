"""Faults that are injected on purpose and undone: killed brokers, slow networks, poison records.

Each fault is a function, and its docstring is the help that users see. It imports `producer`,
`consumer`, `topics` and what is below them. Start with `faults`.

- `faults`: `inject` and `mend`
- `fault_kinds`: what a fault is made of, and the context that it works with
- `active_faults`: the record of each active fault, in a file
- `broker_faults`, `consumer_faults`, `topic_faults`, `record_faults`, `network_faults`: the faults
- `network_proxy`: the proxy whose connections the network faults break
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "faults": ["Fault", "inject", "mend"],
        "network_proxy": ["start_proxy"],
    },
)

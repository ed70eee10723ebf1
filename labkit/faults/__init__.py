"""Break the lab on purpose, and mend it: killed brokers, slow networks, poison records.

`faults` has `inject` and `mend`; each fault is a function whose docstring is its help and its
promise. It imports `producer`, `consumer`, `topics` and what is below them. Start with `faults`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "faults": ["Fault", "inject", "mend"],
        "network_proxy": ["start_proxy"],
    },
)

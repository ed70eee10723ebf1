"""Kafka Connect's own workers, from the same jars as the broker.

`connect` has `start_connect`; `connect_rest` speaks the workers' REST API. It imports `topics`,
`broker` and `core`. Start with `connect`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "connect": ["Connect", "start_connect"],
    },
)

"""Kafka Connect: its own workers, from the same jars as the broker.

It imports `topics`, `broker` and `core`. Start with `connect`.

- `connect`: `start_connect` and `Connect`, for the facade.
- `connect_workers`: the workers' settings and processes, and waiting for them.
- `connect_rest`: the client of the workers' REST API.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "connect": ["Connect", "start_connect"],
    },
)

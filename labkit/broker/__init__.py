"""The broker: run, find and break a real Apache Kafka, and connect to one.

`broker` has `start_broker`; `cluster_start` plans and starts the lab's cluster, and
`broker_process` is the small parent process that starts each broker's Java. `kafka_clients` makes
kafka-python clients that fail fast. ``install/`` has Kafka's jars and finds Java, ``special/`` has
the clusters of single lessons, and `testing` gives a test its broker. It imports `core` alone.
Start with `broker`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "broker": ["Broker", "start_broker"],
        "advertised_listeners": ["advertised"],
        "special.misadvertised_broker": ["start_second_broker"],
        "special.secured_broker": ["start_secured_broker"],
        "testing": ["broker_for_tests"],
    },
)

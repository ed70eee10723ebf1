"""The broker: run, find and break a real Apache Kafka, and connect to one.

It imports `core` only. Start with `broker`.

- `broker`: `start_broker` and `Broker`, for the facade.
- `cluster_state`: what is recorded about a cluster, on disk and as models.
- `cluster_start`: start and stop a whole cluster; `node_setup`: what a node needs for that.
- `node_control`: kill, freeze, thaw, stop and restart one node.
- `broker_process`: the small parent process of the brokers; `aot_cache`: makes their start faster.
- `kafka_clients`: kafka-python clients that fail fast; `security_properties`: logins for Java.
- `certificates`: the certificate and the key of a broker with TLS.
- `record_codecs`: which compression codecs this Python can read; `unreadable_batches`: what a
  client does with a batch that it cannot unpack.
- `advertised_listeners`: the addresses that brokers advertise; `kafka_tools`: Kafka's own tools.
- ``install/``: Kafka's jars, and Java; ``lesson_brokers/``: further clusters for single lessons.
- `broker_for_tests`: test support, which no stage imports.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "broker": ["Broker", "start_broker"],
        "advertised_listeners": ["advertised"],
        "lesson_brokers.misadvertised_broker": ["start_second_broker"],
        "lesson_brokers.secured_broker": ["start_secured_broker"],
        "broker_for_tests": ["broker_for_tests"],
    },
)

"""Topics: create, describe, alter and delete them, and watch topics and groups.

It imports `broker` and `core`. Start with `topics`.

- `topics`: the facade's functions, with the Kafka calls themselves.
- `topic_waits`: wait until a topic is there, or until the brokers show a change of it.
- `topic_refusals`: why a topic is not as it was asked for, and the next line to type.
- `topic_metadata`: the requests behind them; `topic_model`: what they return.
- `read_topic`: read a topic to its present end.
- `topic_watch`, `group_watch`, `offsets_watch`, `cluster_watch`: read one of these repeatedly, for
  the widgets and the doctor; `health_watch`: all of them, for ``labkit watch``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "topics": ["alter_topic", "delete_topic", "describe_topic", "ensure_topic", "list_topics"],
        "topic_model": ["Partition", "Topic"],
    },
)

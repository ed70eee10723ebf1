"""Stage 2, from readings to records: sent at a rate, and each one accounted for.

It imports `topics`, `broker`, `readings`, `core`, and the retention of `sink`. Start with
`send_loop`. The delivery log and the counts are described in ``docs/formats.md``.

- `reported_until`: where a fleet that is started again goes on
- `send_loop`: `produce`, the loop itself
- `delivery_reports`: follows each record until it is acknowledged, failed or unknown
- `delivery_log`: the same, written down, record by record
- `sent_counts`: the same, added up: how many were sent, and what became of them
- `unanswered_records`: looks in the topic for readings whose answer never came
- `delivery_log_retention`: removes old delivery logs; `offset_set`: what stays of them
- `producer_options`: key, ``acks``, batching and compression
- `producer_client`: kafka-python's producer: settings, metrics, close, private parts
- `producer`: `start_producer`, the loop in a thread
- `optional_fast_send`: optional, sends ordinary records faster
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "producer": ["Producer", "start_producer"],
        "send_loop": ["produce"],
    },
)

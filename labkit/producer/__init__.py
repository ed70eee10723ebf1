"""Stage 2, from readings to records: sent at a rate, and every one accounted for.

`producer` has `start_producer`; `send_loop` takes what is due and sends it; `delivery` follows
each record until the broker has acknowledged it. It imports `topics`, `broker`, `readings` and
`core`. Start with `send_loop`. The delivery log and the counts are described in
``docs/formats.md``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "producer": ["Producer", "start_producer"],
        "send_loop": ["produce"],
    },
)

"""Stage 3, from records to the CSV: poll, decode, store or dead-letter, commit.

It imports `topics`, `broker`, `sink`, `readings` and `core`. Start with `poll_loop`.

- `poll_loop`: `consume`, the loop itself
- `group_member`: the client and what the loop needs around it
- `rebalance_listener`: rebalances, locks, and the state of each partition
- `history_check`: whether the topic still holds the records of the CSV's last rows
- `dead_letter_queue`: records that are not readings
- `client_health`: hangs, lost brokers, kafka-python's bugs and private parts
- `consumer_report`: the status files, described in ``docs/formats.md``
- `consumer`: `start_consumer`, the loop in a separate process
- `group_processes`: several such processes, for ``--workers``
- `optional_fast_decode`: optional, unpacks fetched batches faster
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "consumer": ["Consumer", "start_consumer"],
        "poll_loop": ["consume"],
    },
)

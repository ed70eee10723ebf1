"""Stage 3, from records to the CSV: poll, judge, store or dead-letter, commit.

`consumer` has `start_consumer`; `poll_loop` is the loop itself; `partition_assignment` handles
rebalances, `dead_letter_queue` what is not a reading. It imports `topics`, `broker`, `sink`,
`readings` and `core`. Start with `poll_loop`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "consumer": ["Consumer", "consume", "start_consumer"],
    },
)

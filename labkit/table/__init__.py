"""Stage 5, the CSV as rows to ask: a table in memory that reads only what was appended.

`table` keeps it up to date; `paging`, `emission_series` and `summary` answer questions, and
`export` writes it as one file. It imports `sink`, `readings` and `core`, and never Kafka.
Start with `table`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "table": ["read_table", "Table"],
    },
)

"""Stage 4, where records end up: one CSV log per partition, data and position in one write.

`csv_log` appends rows and finds its position again after a crash (`crash_recovery`); `csv_row`
encodes and verifies one row; `csv_tail` reads what was appended. It imports `readings` and
`core`, and never Kafka. Start with `csv_log`. The CSV and the small files beside it are described
in ``docs/formats.md``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "csv_log": ["CsvLog"],
    },
)

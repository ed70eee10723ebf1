"""Stage 4, where records end up: one CSV log per partition, data and position in one write.

It imports `readings` and `core`, and never Kafka. Start with `csv_log`. The CSV and the small
files beside it are described in ``docs/formats.md``.

- `csv_log`: append rows, write them, continue after a crash
- `csv_row`: encode, verify and decode one row
- `crash_recovery`: find the valid rows, refuse damage
- `checkpoint`: the checkpoint file, and the partition's lock
- `segment_files`: file names, and whether an open file is still at its path
- `retention`: removes the oldest files, and counts what they held
- `new_csv_rows`: read what was appended
- `partition_status`: the status file, for readers that do not ask Kafka
- `row_cache`: optional, decodes and encodes known plants faster
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "csv_log": ["CsvLog"],
    },
)

"""Stage 5, the CSV as rows to query: pandas frames in memory that take in what was appended.

- `table` keeps the frames up to date; `csv_frames` parses rows; `snapshot` is one moment of it.
- `source_totals` and `minute_totals` are the running sums.
- `paging`, `emission_series`, `summary` and `dashboard_query` answer questions.
- `export` writes all rows into one file.

It imports `sink`, `readings` and `core`, and never Kafka. Start with `table`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "table": ["read_table", "Table"],
    },
)

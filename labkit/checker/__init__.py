"""The check of a pipeline, record by record: topic, CSV, dead letters and delivery logs.

It imports `consumer`, `producer` and what is below them, and the ledger's sentences. Start with
`checker`.

- `checker`: `check_pipeline`
- `record_comparison`: compares one partition; the core
- `topic_reader`: reads the topic and the dead-letter queue
- `independent_csv_reader`: reads the CSV without the sink's code
- `delivery_history`: reads the producers' delivery logs
- `findings`: what is compared and found
- `check_result`: the verdict, as data, text and HTML
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "checker": ["check_pipeline"],
        "check_result": ["Verdict"],
    },
)

"""The proof, record by record: topic, CSV, dead letters and delivery log compared.

`checker` has `check_pipeline`; `record_comparison` is its core, and `check_result` what it says.
It reads the CSV with a parser of its own, so that a bug of the sink cannot hide itself. It
imports `consumer`, `producer` and what is below them. Start with `checker`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "checker": ["check_pipeline"],
        "check_result": ["Verdict"],
    },
)

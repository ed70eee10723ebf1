"""Stage 6, the CSV over HTTP: Flask over the table, the web page, and ``/metrics``.

`app` has `create_app` and `start_api`; `routes` makes the JSON answers. It imports `table`,
`sink`, `core` and the models of `ledger`, and never Kafka: what it knows of offsets and lag
stands in small files beside the CSV. Start with `routes`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "app": ["Api", "create_app", "start_api"],
    },
)

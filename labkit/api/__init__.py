"""Stage 6, the CSV over HTTP: a Flask app over the table, the web page, and ``/metrics``.

It imports `table`, `sink`, `core`, and the models of `ledger` and `producer`; it never imports
Kafka. What it knows of offsets and lag comes from small files beside the CSV. Start with
`json_routes`.

- `app`: `create_app` and `start_api`
- `json_routes`: the addresses under ``/api``; makes the JSON answers
- `data_source`: the table and the status files that the routes read
- `ledger_from_files`: the carbon ledger without Kafka
- `reading_latency`: how long single readings take to each stage
- `recent_values`: a figure's values of the last minute, and its rate
- `response_schemas`, `pipeline_schemas`, `openapi_examples`: parameters and answers, for OpenAPI
- `problem_responses`: errors as ``application/problem+json``, security headers
- `prometheus_metrics`: ``/metrics``
- `web_page`: the dashboard and ``/api/docs``
- `compression`: gzip, by Flask-Compress
- `waitress_server`: the HTTP server, its limits and its errors
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "app": ["Api", "create_app", "start_api"],
    },
)

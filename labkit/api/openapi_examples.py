"""An example of each answer, for `/api/docs`; ``openapi_examples.json`` holds them."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def add_examples(description: dict[str, Any]) -> dict[str, Any]:
    """Add an example to each answer in the API's description."""
    answers, problems = _read_examples()
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if status == "200":
                        content["example"] = answers[operation["operationId"].removeprefix("get_")]
                    elif kind == "application/problem+json" and status in problems:
                        content["example"] = problems[status]
    return description


def _read_examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the answers by address, with those that consist of others, and problems by status."""
    file = resources.files("labkit") / "api" / "openapi_examples.json"
    examples = json.loads(file.read_text(encoding="utf-8"))
    answers = examples["answers"]
    summary = answers["summary"]
    answers["pipeline"]["latency"] = answers["latency"]
    answers["dashboard"] |= {
        name: answers[name] for name in ("health", "pipeline", "ledger", "series")
    }
    answers["dashboard"] |= {
        "now": summary,
        "window": summary | {"window_s": 900},
        "all": summary | {"window_s": None},
        "readings": answers["readings"]["readings"],
        "next": answers["readings"]["next"],
    }
    return answers, examples["problems"]

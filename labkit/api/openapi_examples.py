"""An example of each answer, for `/api/docs`."""

from __future__ import annotations

from typing import Any

_AT = "2026-11-24T03:00:00.{:03d}Z"
_READING = {
    "partition": 0,
    "offset": 41,
    "reading_id": "019ab3f0-5b1c-7c55-9a51-3f1d8e0b7a10",
    "recorded_at": _AT.format(0),
    "interval_s": 1.2,
    "facility_id": "PL-COAL-001",
    "facility": "Nowak power station",
    "operator": "Nowak S.A.",
    "country": "PL",
    "latitude": 51.266,
    "longitude": 19.33,
    "sector": "power",
    "fuel": "coal",
    "load_mw": 412.5,
    "co2_kg": 128.913,
    "factor_id": "ipcc2006-coal",
    "quality": "measured",
}
_SHARE = {"co2_kg": 3_867.39, "share": 1.0, "rate_t_per_h": 386.739}
_HEALTH = {
    "status": "ok",
    "version": "0.1.0",
    "topic": "co2-emissions",
    "rows": 30,
    "newest_recorded_at": _AT.format(0),
    "age_s": 0.8,
    "problems": [],
}
_SUMMARY = {
    "window_s": 60,
    "as_of": _AT.format(0),
    "records": 30,
    "co2_kg": 3_867.39,
    "co2_g": 3_867_390,
    "rate_t_per_h": 386.739,
    "intensity_kg_per_mwh": 937.549,
    "newest_recorded_at": _AT.format(0),
    "top_facility": {
        "facility_id": "PL-COAL-001",
        "facility": "Nowak power station",
        "rate_t_per_h": 386.739,
    },
    "over_25kt_per_year": 1,
    "facilities": 1,
    "by_sector": [{"key": "power", "label": "Power", **_SHARE}],
    "by_country": [{"key": "PL", "label": "Poland", **_SHARE}],
    "by_fuel": [{"key": "coal", "label": "Hard coal", **_SHARE}],
    "by_facility": [{"key": "PL-COAL-001", "label": "Nowak power station", **_SHARE}],
}
_SERIES = {
    "by": "sector",
    "unit": "t/h",
    "window_s": 10,
    "bucket_s": 5,
    "as_of": _AT.format(0),
    "times": ["2026-11-24T02:59:50.000Z", "2026-11-24T02:59:55.000Z"],
    "series": [{"key": "power", "label": "Power", "values": [None, 386.739], "co2_kg": 537.1}],
}
_LATENCY = {
    "reading": {
        "reading_id": _READING["reading_id"],
        "partition": 0,
        "offset": 41,
        "stages": [
            {"stage": "created", "at": _AT.format(0), "after_ms": 0.0},
            {"stage": "acked", "at": _AT.format(31), "after_ms": 31.2},
            {"stage": "polled", "at": _AT.format(33), "after_ms": 32.9},
            {"stage": "stored", "at": _AT.format(35), "after_ms": 35.1},
            {"stage": "served", "at": _AT.format(812), "after_ms": 811.7},
        ],
    },
    "last_minute": [{"stage": "stored", "p50_ms": 34.0, "p99_ms": 58.2}],
    "samples": 28,
    "window_s": 60,
}
_PIPELINE = {
    "topic": "co2-emissions",
    "group_id": "csv-writer",
    "state": "running",
    "partitions": [
        {
            "partition": 0,
            "topic": "co2-emissions",
            "group_id": "csv-writer",
            "member_id": "kafka-python-3.0.12-6f1c",
            "pid": 4711,
            "updated_at": _AT.format(500),
            "state": "running",
            "position": 42,
            "start_offset": 0,
            "end_offset": 42,
            "lag": 0,
            "lag_s": 0.0,
            "rows": 42,
            "grams": 5_414_346,
            "age_s": 0.3,
            "rate_per_s": 6.7,
        }
    ],
    "producers": [{"name": "producer", "pid": 4712, "emitted": 42, "acked": 42}],
    "totals": {
        "rows": 42,
        "dead_letters": 0,
        "gap_records": 0,
        "lag": 0,
        "lag_s": 0.0,
        "co2_g": 5_414_346,
        "rate_per_s": 6.7,
        "acked_per_s": 6.7,
    },
    "latency": _LATENCY,
}
_WEIGHED = {"records": 42, "co2_g": 5_414_346, "co2_kg": 5_414.346, "note": ""}
_LEDGER = {
    "topic_name": "co2-emissions",
    "topic_id": "r3xZb0pYQ0mY0cXv2J1k7w",
    "stages": [
        {"stage": "emitted", "meaning": "made by the simulated chimneys", **_WEIGHED},
        {"stage": "acked", "meaning": "acknowledged by the broker", **_WEIGHED},
        {
            "stage": "topic",
            "meaning": "read back from the topic",
            "records": 42,
            "co2_g": None,
            "co2_kg": None,
            "note": "counted by its offsets, dead letters included",
        },
        {"stage": "csv", "meaning": "stored in the CSV", **_WEIGHED},
        {"stage": "served", "meaning": "served by the API to the page", **_WEIGHED},
    ],
    "retained": 42,
    "dead_letters": 0,
    "unknown": 0,
    "lag": 0,
    "gap_records": 0,
    "state": "agrees",
    "agrees": True,
    "sentence": "All four stages agree to the gram. Not weighed: topic.",
}
_FACILITY = {
    name: value
    for name, value in _READING.items()
    if name.startswith(("facility", "l", "operator", "country", "sector", "fuel"))
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "get_health": _HEALTH,
    "get_readings": {"readings": [_READING], "next": "0.41-1.97-2.63", "more": False},
    "get_series": _SERIES,
    "get_summary": _SUMMARY,
    "get_facilities": {
        "facilities": [
            {
                **_FACILITY,
                "rate_t_per_h": 386.739,
                "co2_kg": 5_414.346,
                "records": 42,
                "last_recorded_at": _AT.format(0),
            }
        ]
    },
    "get_pipeline": _PIPELINE,
    "get_latency": _LATENCY,
    "get_ledger": _LEDGER,
    "get_dashboard": {
        "served_at": _AT.format(812),
        "health": _HEALTH,
        "pipeline": _PIPELINE,
        "ledger": _LEDGER,
        "now": _SUMMARY,
        "window": {**_SUMMARY, "window_s": 900},
        "all": {**_SUMMARY, "window_s": None},
        "series": _SERIES,
        "heat": None,
        "readings": [_READING],
        "next": "0.41-1.97-2.63",
        "choices": {
            "sector": [{"key": "power", "label": "Power"}],
            "country": [{"key": "PL", "label": "Poland"}],
            "fuel": [{"key": "coal", "label": "Hard coal"}],
            "facility_id": [{"key": "PL-COAL-001", "label": "Nowak power station"}],
        },
        "thresholds": {
            "large_emitter_t_per_year": 25_000.0,
            "large_emitter_t_per_h": 2.854,
            "source": "40 CFR 98.2(a)(2): who emits this much in a year reports it in the United "
            "States",
        },
    },
}
"""By the name of the route's function."""

_PROBLEMS = {
    "400": ("Bad Request", "`after` is not a cursor: it is the `next` of an earlier answer"),
    "409": ("Conflict", "the CSV ends before the cursor: it was started again"),
    "422": ("Unprocessable Entity", "window_s: Input should be greater than or equal to 10"),
    "503": ("Service Unavailable", "The CSV is being read for the first time: 400,000 so far."),
}
_NEXT = {
    "400": "GET /api/readings (without `after`: the newest readings)",
    "409": "GET /api/readings (without `after`: the newest readings)",
    "422": "GET /api/docs shows the parameters of /api/summary",
    "503": "ask again in a second",
}


def add_examples(description: dict[str, Any]) -> dict[str, Any]:
    """Add an example to each answer in the API's description."""
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if status == "200":
                        content["example"] = EXAMPLES[operation["operationId"]]
                    elif kind == "application/problem+json" and status in _PROBLEMS:
                        content["example"] = _problem(status)
    return description


def _problem(status: str) -> dict[str, Any]:
    title, detail = _PROBLEMS[status]
    problem = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
    problem["next"] = _NEXT[status]
    if status == "422":
        problem["errors"] = [{"parameter": "window_s", "detail": detail.split(": ")[1]}]
    return problem

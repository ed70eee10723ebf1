"""A producer's figures: each with its name, its value and its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.producer.producer import Producer

RATE_OVER_S = 3.0


def figures_of(producer: Producer, records_per_s: float | None) -> list[list[str]]:
    """Return a producer's figures; ``records_per_s`` is the mean of the last `RATE_OVER_S`."""
    counts, metrics = producer.counts, producer.metrics
    acked = f"{counts.acked + counts.bad_acked:,}", "acknowledged by the brokers"
    if not producer.options.asks_for_acks:
        acked = "–", "acks=0: no broker answers, and nobody knows"
    per_s = "–" if records_per_s is None else f"{records_per_s:,.0f}"
    rows = [
        ["sent", f"{counts.records:,}", "records of this run, bad ones included"],
        ["acked", *acked],
        ["failed", f"{counts.failed:,}", "refused for certain"],
        ["unknown", f"{counts.unknown:,}", "without an answer: in the topic, or not"],
        ["bad on purpose", f"{counts.bad:,}", "values that are not valid readings"],
        ["records/s", per_s, f"mean of the last {RATE_OVER_S:g} s"],
    ]
    if metrics is None:
        return rows
    return [
        *rows,
        ["bytes/s", f"{metrics.bytes_per_s:,.0f}", "as sent, mean of the last 10 to 20 s"],
        ["batch", f"{metrics.batch_bytes:,.0f} bytes", "mean, as sent"],
        ["request", f"{metrics.records_per_request:,.1f} records", "mean of each request"],
        ["compression", f"{metrics.compression_ratio:.2f}", "compressed size by uncompressed"],
    ]

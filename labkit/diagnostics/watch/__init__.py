"""``labkit watch``: say what is wrong, from a process that outlives what it watches.

It asks Kafka, the files and the API, and changes nothing. A figure that cannot be had now is
missing, with the reason; it is never the last good one. Start with `watcher`.

- `watcher`: reads everything once, repeatedly; `lag_trend`: whether a group catches up, and when.
- `watch_report`: what was found, as data, and what is wrong with the next line to type.
- `watch_view`: the report in a terminal; `watch_metrics`: the same for Prometheus.
- `run_watch`: the command's loop.
"""

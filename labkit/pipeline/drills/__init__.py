"""Drills: rehearse an operator's bad day in a separate lab, and measure what it costs.

- `drill`: what every drill has: its steps, how long the pipeline stood still, what was lost.
- `upgrade_drill`: a newer Kafka, and the ways back.
"""

"""Drills: rehearse an operator's bad day in a separate lab, and measure what it costs.

- `drill`: what every drill has: its steps, how long the pipeline stood still, what was lost.
- `disk_full_drill`: no room for rows, then none for the broker's log.
- `restore_drill`: the disks of broker and CSV are gone.
- `certificate_drill`: the broker's certificate expires while the pipeline runs.
- `upgrade_drill`: a newer Kafka, and the ways back.
"""

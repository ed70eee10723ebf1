"""Replay: a table of your own as a stream of readings.

`Replay` in `replay` goes through the stages in this order; each is one module:

1. `source_file`: open the source once (a file, ``.gz``, standard input, a pipe) and copy it
2. `csv_table`: find encoding and delimiter; read header and rows by the same rules
3. `known_titles`, `column_mapping`: which column is which field, and in which unit
4. `number_form`, `time_form`: how numbers and times are written, from the whole column
5. `row_cover`: which seconds a row covers, and which rows are there twice
6. `borrowed_facts`: what the table lacks of a facility comes from the simulated fleet
7. `row_to_reading`: each row as a reading, or the reason why it cannot be one
8. `replay_report`: what was understood, in words

`replay_options` has the answers that settle what a table leaves open. See docs/replay.md.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={"replay": ["Replay"], "replay_options": ["ReplayOptions"]},
)

"""Core: errors, settings, processes and files; the basis of all other packages.

It imports nothing else of labkit. Start with `errors` and `config`. The files that processes of
one lab write for each other are described in ``docs/formats.md``.

- `errors`: the exceptions; `config`: the settings; `next_step`: a sentence and a line to type.
- `background_workers`: threads and processes by name; `stop_signals`: how to stop one.
- `run_files`: what runs in this lab; `processes`: pids; `json_files`: files replaced in one step.
- `environment_variables`: set some for a moment.
- `wait_until`: wait for a condition; `progress_bar`: show that something takes long.
- `terminal_text`: escape control characters; `spreadsheet_text`: text that is not run as a formula.
- `text_tables`: rows as text and HTML.
- `rates`: the growth of counters per second; `tcp`: try an address.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "errors": ["LabError"],
        "config": ["LabConfig", "load_config"],
        "background_workers": ["running", "stop_all"],
    },
)

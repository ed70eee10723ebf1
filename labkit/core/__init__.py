"""What every other package stands on: errors, settings, processes and files of the lab.

It imports nothing else of labkit. Start with `errors` and `config`. The files that processes of
one lab leave for each other are described in ``docs/formats.md``.
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

"""What is wrong, and what to type: the doctor, known problems, and the error card.

`doctor` runs the checks, one module each (`check_java`, `check_topic`, ...); `known_problems` is
the one source of the answers, and ``error_card/`` shows them below a notebook's traceback. It
imports `topics`, `broker` and `core`. Start with `doctor`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "doctor": ["doctor"],
    },
)

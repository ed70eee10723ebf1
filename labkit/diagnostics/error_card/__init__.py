"""The error card: below a traceback in a notebook, its cause and what to type.

`error_card` is the IPython extension. `traceback_reader` reads a traceback; `client_errors`,
`connection_errors`, `topic_errors` and `usage_errors` recognize the known problems in it. None of
them imports kafka, pandas or pydantic when it is loaded.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "error_card": ["load", "unload"],
    },
)

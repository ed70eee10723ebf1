"""Stage 1, what is sent: CO2 readings of a simulated fleet, or of the user's own CSV.

`reading` is the domain model: encode, decode, validate. `fleet` simulates plants, with Faker and
published emission factors; `malformed_values` spoils values on purpose; `replay` reads a CSV.
It imports `core` alone, and never Kafka. Start with `reading`. The JSON of a record's value is
described in ``docs/formats.md``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "reading": ["Facility", "Reading"],
        "fleet": ["Fleet"],
        "replay": ["Replay"],
    },
)

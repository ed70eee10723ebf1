"""Stage 1, what is sent: CO2 readings of a simulated fleet, or of the user's own table.

It imports `core` alone, and never Kafka. Start with `reading`. The JSON of a record's value is
described in ``docs/formats.md``.

- `reading`: the domain model: encode, decode, validate
- `rejection_reasons`: why bytes are not a reading, in one sentence
- `facility`: a plant, and what its readings have in common
- `fleet`: the simulated plants, with Faker
- `plant_kinds`: sizes, efficiencies, and how each kind is run, with sources
- `plant_operation`: a plant's load at any moment: it starts, ramps, trips and stops
- `simulated_clock`: a simulated day in ten minutes
- `emission_factors`: CO2 per unit of energy, with sources
- `malformed_values`: deliberately malformed values
- `pacing`: when the next reading is due
- `replay`: a table of your own as readings; its stages are listed in the package
- `tracing_record_header`: marks one record a second, to measure the time on the way
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "reading": ["Reading"],
        "facility": ["Facility"],
        "fleet": ["Fleet"],
        "replay": ["Replay"],
    },
)

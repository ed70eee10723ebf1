"""The carbon ledger: the same grams of CO2 at every stage, and whether they agree.

It imports `consumer`, `producer` and what is below them. Start with `ledger`.

- `ledger`: `carbon_ledger` and `LedgerReader`, which read every stage
- `stage_totals`: the totals of the topic, of the CSV files, and of the API
- `unclaimed_readings`: tells another program's readings from doubled ones
- `ledger_verdict`: the one rule for agrees, on the way, unknown, unreported, phantom and altered
- `verdict_sentences`: what `labkit check` says in the same words
- `ledger_model`: the ledger as data, as text and as an HTML table
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "ledger": ["LedgerReader", "carbon_ledger"],
        "ledger_model": ["Ledger"],
    },
)

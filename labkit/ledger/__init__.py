"""The carbon ledger: the same grams of CO2 at every stage, and a verdict.

`ledger` weighs the stages (`weigh_stages`), and `ledger_verdict` decides whether they agree. It
imports `consumer`, `producer` and what is below them. Start with `ledger`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "ledger": ["LedgerReader", "carbon_ledger"],
        "ledger_model": ["Ledger"],
    },
)

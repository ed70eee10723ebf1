"""What moves in a notebook: a module for each widget, over `live`, which keeps them up to date."""

from labkit.widgets.chart import LiveChart, live_chart
from labkit.widgets.dashboard import DashboardFrame, show_dashboard
from labkit.widgets.ledger import LiveLedger, live_ledger

__all__ = [
    "DashboardFrame",
    "LiveChart",
    "LiveLedger",
    "live_chart",
    "live_ledger",
    "show_dashboard",
]

"""What moves in a notebook: one module for each widget, over `live_widget`.

`live_widget` keeps a widget up to date from a thread; the drawing itself is in ``web/src/widget``.
It imports `ledger`, `table`, `topics` and what is below them. Start with `live_widget`.
"""

from labkit.widgets.cluster_map import ClusterMap, cluster_map
from labkit.widgets.dashboard_frame import DashboardFrame, show_dashboard
from labkit.widgets.group_view import GroupView, group_view
from labkit.widgets.line_charts import LineChart, lag_chart, throughput_chart
from labkit.widgets.live_chart import LiveChart, live_chart
from labkit.widgets.live_ledger import LiveLedger, live_ledger
from labkit.widgets.partition_view import PartitionView, partition_view
from labkit.widgets.producer_panel import ProducerPanel, producer_panel

__all__ = [
    "ClusterMap",
    "DashboardFrame",
    "GroupView",
    "LineChart",
    "LiveChart",
    "LiveLedger",
    "PartitionView",
    "ProducerPanel",
    "cluster_map",
    "group_view",
    "lag_chart",
    "live_chart",
    "live_ledger",
    "partition_view",
    "producer_panel",
    "show_dashboard",
    "throughput_chart",
]

"""Live widgets for notebooks: one module for each widget, based on `live_widget`.

The drawing is in ``web/src/widget``. It imports `ledger`, `table`, `topics` and what is below them.
Start with `live_widget`.

- `live_widget`: the base class; a thread keeps the snapshot up to date, also while a cell runs
- `live_chart`, `live_ledger`, `dashboard_frame`: stored readings, the carbon ledger, the web page
- `lag_and_rate_charts`, over `line_series`: lag and throughput
- `partition_view`: a topic's partitions; `group_view`: a group's members and their partitions
- `cluster_map`, over `cluster_events` and `broker_buttons`: brokers, with buttons to break them
- `producer_panel`, over `producer_controls`: a producer with controls
- `text_alternative`, `still_picture`: the widgets' content as text and as a picture, for a notebook
  without its kernel
"""

from labkit.widgets.cluster_map import ClusterMap, cluster_map
from labkit.widgets.dashboard_frame import DashboardFrame, show_dashboard
from labkit.widgets.group_view import GroupView, group_view
from labkit.widgets.lag_and_rate_charts import LineChart, lag_chart, throughput_chart
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

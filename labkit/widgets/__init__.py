"""What moves in a notebook: a module for each widget, over `live`, which keeps them up to date."""

from labkit.widgets.chart import LiveChart, live_chart
from labkit.widgets.cluster_map import ClusterMap, cluster_map
from labkit.widgets.dashboard import DashboardFrame, show_dashboard
from labkit.widgets.group import GroupView, group_view
from labkit.widgets.ledger import LiveLedger, live_ledger
from labkit.widgets.lines import LineChart, lag_chart, throughput_chart
from labkit.widgets.partitions import PartitionView, partition_view
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

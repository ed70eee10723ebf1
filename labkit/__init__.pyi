"""The facade: every public name of ``import labkit as lab``, and where it is defined.

`labkit.__getattr__` reads this list, so a name is added here and nowhere else.
"""

from .api.app import start_api as start_api
from .broker.advertised_listeners import advertised as advertised
from .broker.broker import Broker as Broker
from .broker.broker import start_broker as start_broker
from .broker.lesson_brokers.misadvertised_broker import start_second_broker as start_second_broker
from .broker.lesson_brokers.secured_broker import start_secured_broker as start_secured_broker
from .checker.checker import check_pipeline as check_pipeline
from .connect.connect import Connect as Connect
from .connect.connect import start_connect as start_connect
from .consumer.consumer import start_consumer as start_consumer
from .consumer.poll_loop import consume as consume
from .core.background_workers import running as running
from .core.background_workers import stop_all as stop_all
from .core.config import load_config as load_config
from .core.errors import LabError as LabError
from .diagnostics.doctor import doctor as doctor
from .exercises.engine.course_overview import progress as progress
from .exercises.engine.experiments import fresh_topic as fresh_topic
from .exercises.engine.experiments import use_cluster as use_cluster
from .exercises.lesson_support.kafka_connect_lines import count_lines as count_lines
from .exercises.lesson_support.lesson_pictures import picture as picture
from .exercises.submission.submission import submit as submit
from .faults.faults import inject as inject
from .faults.faults import mend as mend
from .faults.network_proxy import start_proxy as start_proxy
from .ledger.ledger import carbon_ledger as carbon_ledger
from .producer.producer import start_producer as start_producer
from .producer.send_loop import produce as produce
from .readings.facility import Facility as Facility
from .readings.fleet import Fleet as Fleet
from .readings.reading import Reading as Reading
from .readings.replay.replay import Replay as Replay
from .table.table import read_table as read_table
from .topics.topics import alter_topic as alter_topic
from .topics.topics import delete_topic as delete_topic
from .topics.topics import describe_topic as describe_topic
from .topics.topics import ensure_topic as ensure_topic
from .topics.topics import list_topics as list_topics
from .widgets.cluster_map import cluster_map as cluster_map
from .widgets.dashboard_frame import show_dashboard as show_dashboard
from .widgets.group_view import group_view as group_view
from .widgets.lag_and_rate_charts import lag_chart as lag_chart
from .widgets.lag_and_rate_charts import throughput_chart as throughput_chart
from .widgets.live_chart import live_chart as live_chart
from .widgets.live_ledger import live_ledger as live_ledger
from .widgets.partition_view import partition_view as partition_view
from .widgets.producer_panel import producer_panel as producer_panel

__version__: str
__all__: list[str]

def load_ipython_extension(shell: object) -> None: ...
def unload_ipython_extension(shell: object) -> None: ...

"""What a learner might try first: at least one wrong answer, or wrong sending, for most tasks."""

from __future__ import annotations

WRONG: dict[str, tuple[str, ...]] = {
    "00.q1": ("partition = 3", "partition = table['partition']"),
    "00.q2": ("producer.readings_per_s = 500", "producer.readings_per_second = 50"),
    "00.q3": ("heaviest = 'Springfield'", "heaviest = table.groupby('facility')['co2_kg'].sum()"),
    "01.q1": ("told = 9092", "told = 'http://127.0.0.1'"),
    "01.q2": ("!labkit kafka kafka-topics --create --topic lesson01-by-tool --partitions 1",),
    "01.q3": (
        'second.restart(advertised_listeners="PLAINTEXT://127.0.0.1:10")',
        "second.restart(advertised_listeners=second.bootstrap_servers)",
        "second.restart()",
    ),
    "02.q1": ('lab.ensure_topic("lesson02-plants", num_partitions=3)',),
    "02.q2": (
        "def partition_of(key, num_partitions):\n    return 0",
        "def partition_of(key, num_partitions):\n    print(key)",
        "def partition_of(key, num_partitions):\n    return murmur2(key) % num_partitions",
    ),
    "02.q3": (
        'lab.fresh_topic("lesson02-hour")',
        'lab.fresh_topic("lesson02-hour", config={"retention.ms": 3_600})',
    ),
    "03.q1": ("answer = future", "answer = (0, 99)", "answer = 0"),
    "03.q2": ("last_line = producer.flush()", 'last_line = "import time; time.sleep(3)"'),
    "03.q3": (
        'producer.send("lesson03-program", value=b"no key").get(timeout=10)\nacknowledged = 1',
        "for one in todo:\n"
        '    producer.send("lesson03-program", key=b"GB-GAS-001", value=b"[1]")\n'
        "acknowledged = len(todo)",
    ),
    "03b.q1": ('settings = {"acks": "all"}', 'settings = "all"'),
    "03b.q2": (
        'send_all("lesson03b-packed")',
        'with KafkaProducer(**address) as one:\n    one.send("lesson03b-packed", value=b"{}")',
    ),
    "03b.q3": ("bad = 300", "bad = [1]"),
    "04.q1": ("key = b'XX'", "key = 7", "key = reader"),
    "04.q2": (
        "def read_some(group_id, limit):\n    print(group_id)",
        "def read_some(group_id, limit):\n"
        '    with KafkaConsumer("lesson04-readings", **address, **own) as one:\n'
        "        return list(islice(one, limit))",
    ),
    "04b.q1": ("refused = [1, 2]", "refused = 'all'"),
    "04b.q2": (
        "good = read_all",
        "good = []\nqueue.send('lesson04b-sensors.dlq', value=b'12 t').get(timeout=10)",
    ),
    "04b.q3": ("substitute = mine[0]", "substitute = 12.5"),
    "04c.q1": ("smallest, largest = 0, 300", "smallest, largest = 249, 200"),
    "04c.q2": (
        "def next_offset(path):\n"
        "    return len(path.read_text().splitlines()) if path.exists() else 0",
        "def next_offset(path):\n    print(path)",
    ),
    "04c.q3": ("rows = lab.describe_topic(stored).records + 7", "rows = None"),
    "05.q1": (
        "def as_json(values):\n    return json.dumps(values)",
        "def as_json(values):\n    return values",
    ),
    "05.q2": (
        "def about(plant):\n    return plant",
        "def about(plant):\n    return {'facility_id': plant, 'co2_kg': 1.0}",
    ),
    "05.q3": (
        "def readable(lines):\n    return lines",
        "def readable(lines):\n    print(lines[:1])",
    ),
    "05b.q1": ("def totals(frame):\n    return frame.groupby('fuel')['co2_kg'].sum() / 1000",),
    "05b.q2": ("cursor = 500", "cursor = '0.500-1.500-2.500'", "cursor = 'after offset 500'"),
    "05b.q3": (
        "def read_all(url):\n"
        "    return json.load(urlopen(url + '/api/readings?limit=500'))['readings']",
    ),
    "06.q1": (
        "def pause(began, every_s):\n    return every_s",
        "def pause(began, every_s):\n    time.sleep(0.1)",
    ),
    "06.q2": (
        "def poll_once(url, etag):\n    return '', None",
        "def poll_once(url, etag):\n    with urlopen(url) as answer:\n"
        "        return answer.headers['ETag'], json.load(answer)",
    ),
    "06.q3": ("view = '?window_s=60'", "view = 60"),
    "06b.q1": ("def tonnes(values, bucket_s):\n    return sum(values)",),
    "06b.q2": (
        "def worst_age_s(stages, every_s):\n    return every_s",
        "def worst_age_s(stages, every_s):\n    print(stages)",
    ),
    "06b.q3": (
        "def why_old(news):\n    return 'fresh'",
        "def why_old(news):\n    return news['health']",
    ),
    "07.q1": (
        "def in_order(places):\n    pass",
        "def in_order(places):\n    assert places == sorted(places)",
    ),
    "07.q2": ("found = ('wrong', 0, 1)", "found = ('reordered', 2, 99_999)"),
    "07.q3": (
        "def step(records):\n    return records[1:]",
        "def step(records):\n    print(len(records))",
    ),
    "08.q1": (
        "def next_leader(partition, dead):\n    return partition.leader",
        "def next_leader(partition, dead):\n    print(partition.isr)",
    ),
    "08.q2": (
        "def under_replicated(partitions):\n    return []",
        "def under_replicated(partitions):\n    print(partitions)",
    ),
    "08b.q2": ('lab.alter_topic("lesson08b-copied", config={"min.insync.replicas": 3})',),
    "08b.q3": ("spare = 0", "spare = None"),
    "09.q1": ("def value_of(text, name):\n    return '7'", "def value_of(text):\n    return 7"),
    "09.q2": ("def rate(before, after, seconds):\n    return (after - before) / seconds",),
    "09.q3": (
        "def share(buckets, low, high):\n    return buckets[high] / buckets['+Inf']",
        "def share(buckets, low, high):\n    print(buckets)",
    ),
    "09b.q1": (
        "def is_wrong(samples, now_s):\n    return False",
        "def is_wrong(samples, now_s):\n    return True",
    ),
    "09b.q2": (
        "def fires(held, times):\n    return all(held[-times:])",
        "def fires(held, times):\n    return sum(held)",
    ),
    "09b.q3": (
        "def messages(before, now):\n    return dict.fromkeys(now, 'firing')",
        "def messages(before, now):\n    return now - before",
    ),
    "09c.q1": (
        "def most_mb(units):\n    return 500 * len(units)",
        "def most_mb(units):\n    print(units)",
    ),
    "09c.q2": (
        "def starts(own, asked):\n    return set(own) <= set(asked)",
        "def starts(own, asked):\n    print(own)",
    ),
    "09c.q3": ('os.environ.update(secured.variables)\nlab.ensure_topic("lesson09c-locked")',),
    "09d.q1": (
        "def lost(log, stored):\n    return len(log), 0",
        "def lost(log, stored):\n    return 150",
    ),
    "09d.q2": (
        "def longest_pause(times):\n    return max(times) - min(times)",
        "def longest_pause(times):\n    print(times)",
    ),
    "10.q1": ('lab.alter_topic("lesson10-scale", num_partitions=5)',),
    "10.q2": (
        'few = {"readings_per_s": 0, "count": 10, "key": "country", "name": "spread"}\n'
        'lab.start_producer("lesson10-spread", **few).wait(60)',
    ),
    "10.q3": ("hot = 3", "hot = 'PL'"),
    "10b.q1": ('connect.create("lesson10b-file", {"topics": "lesson10b-stored"})',),
    "10b.q2": ("group_id = 'lesson10b-file'", "group_id = 4"),
    "10b.q3": (
        "def once(lines):\n    return sorted(set(lines))",
        "def once(lines):\n    print(lines)",
    ),
    "11.q1": ('lab.ensure_topic("capstone-co2.dlq", num_partitions=1)',),
    "11.q2": (
        "with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:\n"
        '    producer.send("capstone-co2", value=b"{}")',
    ),
    "11.q3": ("def consume():\n    print('nothing')\n\n\nconsume()",),
    "11.q4": ("again = print", "again = None"),
    "11.q5": ("app = 3", 'app = Flask("capstone")'),
}

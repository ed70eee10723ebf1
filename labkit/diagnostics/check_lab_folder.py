"""Checks of what the lab keeps on this machine: ports, storage, start-up caches."""

from __future__ import annotations

import os

from labkit.broker import aot_cache, node_setup
from labkit.broker.cluster_state import cluster_dir, read_cluster
from labkit.broker.install.kafka_jars import cache_dir, kafka_jars
from labkit.core.config import LabConfig
from labkit.core.errors import LabError
from labkit.core.run_files import read_run_files
from labkit.core.written_places import written_places
from labkit.diagnostics.known_problems import STALE_STORAGE
from labkit.diagnostics.machine_report import Check


def folders() -> Check:
    """Check whether every folder that the lab writes can be written."""
    try:
        places = list(written_places())
    except LabError as error:
        return Check("folders", "broken", f"{error.what}.", error.next_line)
    for place in places:
        why = place.why_not_writable()
        if why:
            refused = place.refused(why)
            return Check("folders", "broken", f"{refused.what}.", refused.next_line)
    shown = ", ".join(str(place.path) for place in places)
    return Check("folders", "ok", f"The lab can write {shown}.")


def ports(config: LabConfig) -> Check:
    """Check whether the lab's ports are free, or used by the lab itself."""
    name, wanted = "ports", config.api_port
    ours = {run.get("port") for run in read_run_files("api")}
    if wanted and wanted not in ours and not node_setup.is_free(wanted):
        said = (
            f"LABKIT_API_PORT={wanted} is taken by another program, so the page cannot be served "
        )
        return Check(name, "broken", f"{said}there.", "labkit api --port 0   (any free port)")
    cluster = read_cluster()
    nodes = cluster.nodes if cluster else []
    taken = [
        f"{port} (broker {one.node_id})"
        for one in nodes
        for port in (one.port, one.controller_port)
        if not one.is_running and not node_setup.is_free(port)
    ]
    if taken:
        said = (
            f"Another program has taken port {', '.join(taken)} of this lab; the next start takes "
        )
        said += "a free one, and clients need the new address."
        return Check(name, "note", said, "labkit broker start")
    shown = ", ".join(f"{one.port} (broker {one.node_id})" for one in nodes)
    return Check(name, "ok", f"The lab's own: {shown}." if shown else "The lab takes free ports.")


def storage() -> Check:
    """Check whether each node's data folder belongs to this node of this cluster."""
    cluster = read_cluster()
    if cluster is None:
        return Check("storage", "ok", "This lab has no cluster yet.")
    # An empty one was not formatted before the node's first start.
    folder = cluster_dir()
    found = {one.node_id: node_setup.formatted_as(folder / one.name) for one in cluster.nodes}
    are_mixed = len({told.get("cluster.id") for told in found.values()} - {None}) > 1
    odd = []
    for node_id, told in found.items():
        if told and told.get("node.id") != str(node_id):
            odd.append(f"The data of node {node_id} is of node {told.get('node.id')}.")
        elif told and are_mixed:
            cluster_id = told.get("cluster.id")
            odd.append(f"The data of node {node_id} is of cluster {cluster_id}, and not all are.")
    if odd:
        said = f"{' '.join(odd)} {STALE_STORAGE.sentence}"
        advice = f"{STALE_STORAGE.next_line}   (deletes its topics; it asks first)"
        return Check("storage", "broken", said, advice)
    return Check("storage", "ok", f"The data in {folder} is of this lab's cluster.")


def start_up_caches() -> Check:
    """Check for start-up caches of Java that no start here will use."""
    name = "start-up cache"
    found = sorted(cache_dir().glob("kafka-*.aot"))
    try:
        current = aot_cache.cache_file(kafka_jars()) if found else None
    except OSError:
        current = None
    stale = [path for path in found if path != current]
    if not stale:
        said = "The cache that halves a broker's start is there." if found else "None is made yet."
        return Check(name, "ok", said)
    size_mb = sum(path.stat().st_size for path in stale) / 1e6
    remove = "del" if os.name == "nt" else "rm"
    said = f"{len(stale)} in {cache_dir()} ({size_mb:.0f} MB) fit another Java or other jars than "
    said += "here; a broker starts without them."
    advice = f"{remove} {' '.join(map(str, stale))}   (if no other lab uses them)"
    return Check(name, "ok", said, advice)

"""A proxy between clients and brokers that can delay, stop or reset their connections.

A client that is started with ``LABKIT_PROXY_URL`` opens each connection through it (HTTP
``CONNECT``, as browsers do). It listens on loopback only, and connects only to the lab's own
brokers.

See: RFC 9110, section 9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import struct
import threading
import time

from labkit.broker.cluster_state import read_cluster
from labkit.core.background_workers import ThreadWorker, register, replace
from labkit.core.run_files import RunFile
from labkit.faults.active_faults import active_faults

LATENCY, STALL, CUT = "latency", "frozen-connections", "cut-connections"
VARIABLE = "LABKIT_PROXY_URL"
POLL_S = 0.1
HEAD_TIMEOUT_S = 5.0
MAX_HEAD_BYTES = 8192
CHUNK_BYTES = 65536
MAX_QUEUED_CHUNKS = 64  # then the sender must wait: a delayed connection holds only so much
_REQUEST = re.compile(rb"CONNECT (127\.0\.0\.1|localhost):(\d{1,5}) HTTP/1\.[01]\r\n")


class Proxy(ThreadWorker):
    """A CONNECT proxy to the lab's own brokers, in a thread; see `start_proxy`."""

    def __init__(self, name: str = "proxy", port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._delay_s = 0.0
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._run_file = RunFile("proxy", name, url=self.url, connections=0)
        super().__init__(name, self._work)

    @property
    def connections(self) -> int:
        """How many connections to brokers it holds now."""
        return len(self._open) // 2

    def stop(self, timeout_s: float = 15.0) -> None:
        """Close every connection, and stop; clients that use it lose their brokers."""
        if os.environ.get(VARIABLE) == self.url:
            del os.environ[VARIABLE]
        super().stop(timeout_s)

    def __repr__(self) -> str:
        return f"<Proxy at {self.url}: {self.state}, {self.connections} connections>"

    def _work(self, stop: threading.Event) -> None:
        try:
            asyncio.run(self._serve(stop))
        finally:
            self._run_file.remove()

    async def _serve(self, stop: threading.Event) -> None:
        self._flows = asyncio.Event()
        server = await asyncio.start_server(self._accept, sock=self._listener)
        told = 0
        while not stop.is_set():
            self._apply_faults()
            if self.connections != told:
                told = self.connections
                self._run_file.update(connections=told)
            await asyncio.sleep(POLL_S)
        server.close()
        self._flows.set()
        self._reset_connections()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _apply_faults(self) -> None:
        """Apply the active faults; one whose time is over does not count."""
        now = {one.fault: one.undo for one in active_faults() if time.time() < one.until}
        self._delay_s = now.get(LATENCY, {}).get("delay_ms", 0) / 1000
        self._is_cut = CUT in now
        if STALL in now:
            self._flows.clear()
        else:
            self._flows.set()
        if self._is_cut:
            self._reset_connections()

    def _reset_connections(self) -> None:
        """Reset every connection (RST, not FIN): bytes on their way are lost."""
        for writer in list(self._open):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it is closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Put one client through, until either side hangs up."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT_S)
            request = _REQUEST.match(head) if len(head) <= MAX_HEAD_BYTES else None
            cluster = read_cluster()
            ports = {one.port for one in (cluster.nodes if cluster else ())}
            if request is None or int(request[2]) not in ports:
                writer.write(b"HTTP/1.1 403 Only to the lab's own brokers\r\n\r\n")
            elif self._is_cut:
                writer.write(b"HTTP/1.1 503 The line is cut\r\n\r\n")
            else:
                await self._connect(reader, writer, int(request[2]))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # one side has closed: the other will notice
        except asyncio.CancelledError:
            pass  # the proxy stops; Python 3.11 would print each cancelled task
        finally:
            writer.close()

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", port)
        pair = {writer, to_broker}
        self._open |= pair
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            directions = ((reader, to_broker), (from_broker, writer))
            ways = [asyncio.ensure_future(self._forward(*one)) for one in directions]
            _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in pending:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._open -= pair
            to_broker.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward bytes in one direction, each after the present delay."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_QUEUED_CHUNKS)
        clock = asyncio.get_running_loop().time

        async def take() -> None:
            data = b"first"
            while data:
                data = await reader.read(CHUNK_BYTES)
                await line.put((clock() + self._delay_s, data))

        taking = asyncio.ensure_future(take())
        try:
            while True:
                due, data = await line.get()
                await asyncio.sleep(max(0.0, due - clock()))
                await self._flows.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


_NO_LINGER = struct.pack("ii", 1, 0) if os.name != "nt" else struct.pack("hh", 1, 0)


def start_proxy(port: int = 0, *, name: str = "proxy") -> Proxy:
    """Start a proxy between clients and the lab's brokers, whose connections faults can break.

    It sets ``LABKIT_PROXY_URL``, so clients that this process starts from now on use it. Running
    clients keep their direct connections.

    Parameters
    ----------
    port : int
        0: any free port of this machine.
    name : str
        Its name in the lab. A worker that runs under it is stopped first.

    Returns
    -------
    Proxy
        It has ``url``, ``connections`` and ``stop()``.
    """
    replace(name)
    proxy = Proxy(name, port)
    register(proxy)
    os.environ[VARIABLE] = proxy.url
    return proxy

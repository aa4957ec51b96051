"""A TCP proxy that treats connections as a bad network does: delay, little bandwidth, stalls, resets, silence, half-open ends.

On TCP a lost packet is a late one, so there is no loss here but delay. In a test: `with Proxy(Weather(delay_ms=100)) as proxy` and
proxy.way_to("127.0.0.1:4747") is the address to use instead. By hand:

    python3 tests/e2e/chaos_proxy.py 127.0.0.1:4747 --delay-ms 100 --jitter-ms 20 --stall-every-s 2 --stall-s 0.5

Only the standard library. What happens by chance comes from one seed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import random
import socket
import struct
import threading
import time

CHUNK = 16 * 1024
CHUNKS_WAITING = 64  # of one direction, on their way


@dataclasses.dataclass
class Weather:
    delay_ms: float = 0.0          # one way
    jitter_ms: float = 0.0         # plus or minus; the order is kept
    bytes_per_s: float = 0.0       # of one direction of one connection; 0: as many as come
    stall_every_s: float = 0.0     # on average; 0: never
    stall_s: float = 0.5           # nothing of one direction arrives for that long
    reset_after: tuple[int, int] | None = None  # bytes of both directions, by chance between these two


def reset_end(end: asyncio.StreamWriter) -> None:
    """Ends one side with RST instead of FIN."""
    raw = end.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()


class Line:
    """One connection through the proxy: the near end, which dialled, and the far one."""

    def __init__(self, owner: "Proxy", near: asyncio.StreamWriter, far: asyncio.StreamWriter):
        self.owner, self.near, self.far = owner, near, far
        self.half_open = False
        after = owner.weather.reset_after
        self.bytes_left = owner.chance.randint(*after) if after else None

    def reset(self) -> None:
        for end in (self.near, self.far):
            reset_end(end)

    def forget_far_end(self) -> None:
        self.half_open = True
        reset_end(self.far)

    def count(self, size: int) -> None:
        self.owner.carried += size
        if self.bytes_left is not None:
            self.bytes_left -= size
            if self.bytes_left <= 0:
                self.bytes_left = None
                self.owner.resets += 1
                self.reset()


class Proxy:
    """Runs in a thread of its own. Every method may be called from the test's thread."""

    def __init__(self, weather: Weather | None = None, seed: int = 1):
        self.weather = weather or Weather()
        self.chance = random.Random(seed)
        self.carried = self.resets = self.stalls = self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos proxy")
        self._servers: list[asyncio.Server] = []
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_ending) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # From the test

    def way_to(self, target: str, listen: str = "127.0.0.1:0") -> str:
        """Opens a port whose connections go to `target`; its address."""
        return self._do(self._listen(target, listen))

    def reset_all(self) -> None:
        """Every connection ends with RST on both sides, now."""
        self._call(lambda: [line.reset() for line in list(self._lines)])

    def half_open(self) -> None:
        """The far end of every connection is reset; the near one is not told, and what it sends is swallowed."""
        self._call(lambda: [line.forget_far_end() for line in list(self._lines)])

    def silence(self) -> None:
        """Nothing gets through any more, new connections included; none ends."""
        self._call(self._flowing.clear)

    def speak(self) -> None:
        """After silence(): what was under way arrives."""
        self._call(self._flowing.set)

    # In the loop

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=30)

    def _call(self, what) -> None:
        async def run() -> None:
            what()

        self._do(run())

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for line in list(self._lines):
            line.reset()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, target: str, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        server = await asyncio.start_server(lambda reader, writer: self._accept(target, reader, writer), host, int(port))
        self._servers.append(server)
        bound = server.sockets[0].getsockname()
        return f"{bound[0]}:{bound[1]}"

    async def _accept(self, target: str, from_near: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        self._tasks.add(mine)
        self.connections += 1
        try:
            await self._flowing.wait()
            host, _, port = target.rpartition(":")
            try:
                from_far, far = await asyncio.open_connection(host, int(port))
            except OSError:
                reset_end(near)
                return
            line = Line(self, near, far)
            self._lines.add(line)
            try:
                await asyncio.gather(self._pump(line, from_near, far), self._pump(line, from_far, near))
            finally:
                self._lines.discard(line)
                near.close()
                far.close()
        except asyncio.CancelledError:
            near.transport.abort()
        finally:
            self._tasks.discard(mine)

    async def _pump(self, line: Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction: what comes is stamped with the time it is due, and written then."""
        waiting: asyncio.Queue = asyncio.Queue(CHUNKS_WAITING)
        writing = asyncio.create_task(self._write(line, waiting, sink))
        try:
            try:
                await self._read(source, waiting)
            except OSError:
                if not line.half_open:
                    line.reset()
            if not (line.half_open and sink is line.near):  # else the near end is not to know
                await waiting.put(None)
                await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _read(self, source: asyncio.StreamReader, waiting: asyncio.Queue) -> None:
        due = 0.0
        next_stall = self._next_stall(time.monotonic())
        while data := await source.read(CHUNK):
            due = max(due, time.monotonic() + self._delay())
            if due >= next_stall:
                self.stalls += 1
                due += self.weather.stall_s
                next_stall = self._next_stall(due)
            if self.weather.bytes_per_s:
                due += len(data) / self.weather.bytes_per_s
            await waiting.put((due, data))

    async def _write(self, line: Line, waiting: asyncio.Queue, sink: asyncio.StreamWriter) -> None:
        while (chunk := await waiting.get()) is not None:
            due, data = chunk
            if sink.is_closing():
                continue  # a half-open line swallows what comes
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._flowing.wait()
            with contextlib.suppress(OSError):
                sink.write(data)
                await sink.drain()
            line.count(len(data))
        if not sink.is_closing():
            with contextlib.suppress(OSError):
                sink.write_eof()

    def _delay(self) -> float:
        weather = self.weather
        return max(0.0, weather.delay_ms + self.chance.uniform(-weather.jitter_ms, weather.jitter_ms)) / 1000

    def _next_stall(self, now: float) -> float:
        every = self.weather.stall_every_s
        return now + self.chance.uniform(0.5 * every, 1.5 * every) if every else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description="A TCP proxy that treats connections as a bad network does.")
    parser.add_argument("target", help="host:port")
    parser.add_argument("--listen", default="127.0.0.1:0", help="host:port; port 0: the system chooses")
    parser.add_argument("--seed", type=int, default=1)
    for field in dataclasses.fields(Weather):
        if field.name != "reset_after":
            parser.add_argument("--" + field.name.replace("_", "-"), type=float, default=field.default)
    parser.add_argument("--reset-after", type=int, nargs=2, metavar=("LEAST", "MOST"), help="bytes, by chance between the two")
    given = vars(parser.parse_args())
    weather = Weather(**{field.name: given[field.name] for field in dataclasses.fields(Weather)})
    with Proxy(weather, given["seed"]) as proxy:
        print(f"{proxy.way_to(given['target'], given['listen'])} leads to {given['target']}; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
        print(f"{proxy.connections} connections, {proxy.carried} bytes, {proxy.stalls} stalls, {proxy.resets} resets")


if __name__ == "__main__":
    main()

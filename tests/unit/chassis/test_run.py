"""Supervision: what ends a process, with which exit code, in which order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

import httpx
import pytest

from chassis.http import create_app
from chassis.run import HttpServer, supervise
from exactly_once import Misconfigured, Verdict


class Part:
    """Runs until cancelled; ends as told. A stubborn one stops when it may, whoever cancels it."""

    def __init__(self, name: str = "part", end: Callable[[], None] | None = None, *, stubborn: bool = False) -> None:
        self.name, self.end = name, end
        self.running, self.may_end, self.told, self.stopped = asyncio.Event(), asyncio.Event(), asyncio.Event(), False
        self.may_stop = asyncio.Event()
        if not stubborn:
            self.may_stop.set()

    async def run(self) -> None:
        self.running.set()
        try:
            await self.may_end.wait()
            if self.end:
                self.end()
        except asyncio.CancelledError:
            self.told.set()
            await self.linger()
            self.stopped = True
            raise

    async def linger(self) -> None:
        while not self.may_stop.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.may_stop.wait()

    def problems(self) -> list[str]:
        return []


def raising(error: Exception) -> Callable[[], None]:
    def end() -> None:
        raise error

    return end


@pytest.mark.parametrize(
    ("end", "code", "line"),
    [
        (raising(Misconfigured("no broker")), 78, "tiny: no broker"),
        (raising(Verdict("the log was rewound")), 70, "tiny: the log was rewound"),
        (raising(ValueError("of 3573990101010001")), 1, "tiny: ending failed: ValueError, the log says more"),
        (lambda: None, 1, "tiny: ending ended by itself"),
    ],
)
async def test_a_component_that_ends_stops_the_others_with_one_line(
    end: Callable[[], None], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other, ending = Part("other"), Part("ending", end)
    ending.may_end.set()
    assert await supervise([other, ending], service="tiny") == code
    assert other.stopped
    assert capsys.readouterr().err.splitlines() == [line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_in_good_order(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [Part("a"), Part("b", stubborn=True)]
    running = asyncio.create_task(supervise(parts, service="tiny"))
    await asyncio.gather(*(part.running.wait() for part in parts))
    os.kill(os.getpid(), number)
    await parts[1].told.wait()
    parts[1].may_stop.set()
    assert await running == 0
    assert all(part.stopped for part in parts)
    assert capsys.readouterr().err == ""


async def test_who_does_not_stop_in_time_is_left_behind() -> None:
    died: list[int] = []
    part = Part(stubborn=True)

    def die(code: int) -> None:
        died.append(code)
        part.may_stop.set()

    running = asyncio.create_task(supervise([part], service="tiny", grace=0.05, die=die))
    await part.running.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await running
    assert died == [1]


async def test_a_second_signal_forces() -> None:
    died: asyncio.Queue[int] = asyncio.Queue()
    part = Part(stubborn=True)
    running = asyncio.create_task(supervise([part], service="tiny", grace=60, die=died.put_nowait))
    await part.running.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await died.get() == 1
    part.may_stop.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_streams_end_first_and_health_shows_the_verdict_until_the_others_have_stopped() -> None:
    server = HttpServer(create_app("Tiny", version="1"), "127.0.0.1", 0)
    slow, ending = Part("slow", stubborn=True), Part("ending", raising(Verdict("the log was rewound")))
    assert server.problems() == ["starting"]
    running = asyncio.create_task(supervise([server, slow, ending], service="tiny"))
    async with asyncio.timeout(30):
        while server.problems():
            await asyncio.sleep(0.01)
        assert await readiness(server) == (200, {"status": "ready", "problems": []})
        ending.may_end.set()
        await slow.told.wait()
        verdict = {"status": "not ready", "problems": ["tiny: the log was rewound"]}
        assert await readiness(server) == (503, verdict)
        assert server.app.state.stopping.is_set()
        assert not slow.stopped
        slow.may_stop.set()
        assert await running == 70
    assert slow.stopped


async def test_the_api_outlives_the_verdict_of_a_worker(capsys: pytest.CaptureFixture[str]) -> None:
    server, other = HttpServer(create_app("Tiny", version="1"), "127.0.0.1", 0), Part("other")
    ending, worse = Part("ending", raising(Verdict("the log was rewound"))), Part("worse")
    running = asyncio.create_task(supervise([server, other, ending, worse], service="tiny", serves=True))
    async with asyncio.timeout(30):
        while server.problems():
            await asyncio.sleep(0.01)
        ending.may_end.set()
        verdict = "tiny: the log was rewound"
        told = {"status": "not ready", "problems": [verdict], "verdict": verdict}
        while await readiness(server) != (503, told):
            await asyncio.sleep(0.01)
        assert not running.done() and not other.stopped and not server.app.state.stopping.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 70
    assert other.stopped
    assert capsys.readouterr().err.splitlines() == [verdict]


@pytest.mark.parametrize(("error", "code"), [(Misconfigured("no broker"), 78), (ValueError("x"), 1)])
async def test_the_api_outlives_nothing_else(error: Exception, code: int) -> None:
    ending = Part("ending", raising(error))
    ending.may_end.set()
    async with asyncio.timeout(30):
        assert await supervise([Part("other"), ending], service="tiny", serves=True) == code


class Telling(Part):
    def notices(self) -> list[str]:
        return ["some are set aside"]


async def test_what_is_noticed_keeps_nothing_from_being_ready() -> None:
    server = HttpServer(create_app("Tiny", version="1"), "127.0.0.1", 0)
    running = asyncio.create_task(supervise([server, Telling("consumer")], service="tiny"))
    async with asyncio.timeout(30):
        while server.problems():
            await asyncio.sleep(0.01)
        told = {"status": "ready", "problems": [], "notices": ["consumer: some are set aside"]}
        assert await readiness(server) == (200, told)
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def readiness(server: HttpServer) -> tuple[int, object]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/health/ready")
        return answer.status_code, answer.json()


async def test_a_port_in_use_is_told() -> None:
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(Misconfigured, match=f"cannot listen on 127.0.0.1 port {port}: address already in") as caught:
        await HttpServer(create_app("Tiny", version="1"), "127.0.0.1", port).run()
    assert caught.value.exit_code == 78
    taken.close()

"""Server-sent events: how what changes is sent."""

import re
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response, StreamingResponse

from reporting.live.watch import Live, Render

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
LINE_END: Final = re.compile(r"\r\n|\r|\n")  # what the protocol ends a line at, and nothing else that Python does
ALIVE: Final = ": alive\n\n"


async def stream(live: Live, campaign: str, render: Render, have: str = "") -> Response:
    """Sends what `render(before, now)` makes of every view, until client or process go. Raises Unknown."""
    texts = live.follow(campaign, render, have)
    first = await anext(texts)

    async def body() -> AsyncIterator[str]:
        try:
            yield "retry: 2000\n\n" + first
            async for text in texts:
                yield text or ALIVE
        finally:
            await texts.aclose()

    return StreamingResponse(body(), media_type="text/event-stream", headers=HEADERS)


def event(name: str, revision: int, data: str) -> str:
    """One server-sent event; data may have several lines."""
    lines = "\n".join(f"data: {line}" for line in LINE_END.split(data))
    return f"event: {name}\nid: {revision}\n{lines}\n\n"

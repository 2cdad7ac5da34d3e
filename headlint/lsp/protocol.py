"""The protocol as pygls speaks it, without what pygls keeps of every message."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pygls.protocol import LanguageServerProtocol


class Protocol(LanguageServerProtocol):
    """Lets go of the futures of notifications when they are done, of which there is one for each keystroke.

    pygls 2.1 does so for requests only: two kilobytes for each edit stay until the end.
    """

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Callable[[Future[Any]], Any], *rest: Any, **more: Any
    ) -> None:
        def done(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, *rest, **more)

"""Computes in a thread what is shown on a full screen, so that keys never wait for the model."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from prompt_toolkit.application import Application

from seqgen.errors import SeqgenError
from seqgen.writing.prefix_reader import OutdatedError


class Background:
    """Computes again whenever it is requested; the result of the last request is shown.

    Args:
        app: the application, which a failure ends.
        compute: computes in a thread, given a function that tells whether the result is outdated, and returns what
            shows the result.
    """

    def __init__(self, app: Application[None], compute: Callable[[Callable[[], bool]], Callable[[], None]]) -> None:
        self._app = app
        self._compute = compute
        self._num_requested = self._num_shown = 0
        self._is_running = False
        self._executor = ThreadPoolExecutor(max_workers=1)

    @property
    def is_idle(self) -> bool:
        """Whether the result of the last request is shown."""
        return self._num_shown == self._num_requested

    def request(self) -> None:
        """Compute, and show the result unless there is another request meanwhile."""
        self._num_requested += 1
        if self._app.is_running and not self._is_running:
            self._is_running = True
            self._app.create_background_task(self._run())

    def close(self) -> None:
        """Wait for the thread."""
        self._num_requested += 1
        self._executor.shutdown()

    async def _run(self) -> None:
        try:
            while not self.is_idle:
                request = self._num_requested
                await self._serve(request)
        except (SeqgenError, RuntimeError, MemoryError, OSError) as error:
            if self._app.is_running:
                self._app.exit(exception=error)
        finally:
            self._is_running = False

    async def _serve(self, request: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            show = await loop.run_in_executor(self._executor, self._compute, lambda: self._num_requested != request)
        except OutdatedError:
            return
        if self._num_requested == request:
            self._num_shown = request
            show()
            self._app.invalidate()

"""gunicorn's threaded worker, changed so that its loop, which all requests pass through, never waits for a client.

Nothing here knows of the site. The overridden methods are internal to gunicorn, whose version is pinned.
"""

from concurrent.futures import Future, ThreadPoolExecutor

from gunicorn.workers.gthread import TConn, ThreadWorker

CLOSING_MAX = 16
"""Maximum connections closed at once; each takes 2 s if the client does not close its side."""


class SiteWorker(ThreadWorker):
    """Closes connections in threads.

    gunicorn closes them in its loop, and waits there for each client to close its side: ten clients that did not
    kept everybody waiting for 20 s.
    """

    def init_process(self) -> None:
        self._closers = ThreadPoolExecutor(CLOSING_MAX, "closer")
        super().init_process()

    def finish_request(self, conn: TConn, fs: "Future[bool]") -> None:
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._closers.submit(conn.close, graceful=True).add_done_callback(self._note_closed)

    def _note_closed(self, _closing: object) -> None:
        self.method_queue.defer(self._count_closed)

    def _count_closed(self) -> None:
        self.nr_conns -= 1

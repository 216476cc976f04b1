"""A TCP line between a browser and a server that can be cut."""

import selectors
import socket
import threading
from contextlib import suppress

from benchmarks.private_postgres import free_port


class BrokenLine:
    """Passes connections on to a port of this machine, unless it is cut.

    ``state`` is ``up``; ``cut``: connections are closed as soon as they open; ``mute``: what the browser sends arrives,
    and the line breaks before the answer is back.
    """

    def __init__(self, to):
        self.to, self.port, self.state, self._closed = to, free_port(), "up", False
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, state):
        """Change the state; connections that are open break, but for a mute line, which they break at their answer."""
        self.state = state
        if state == "cut":
            for each in list(self._open):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._closed = True
        self.set("cut")
        self._listener.close()

    def _accept(self):
        while not self._closed:
            try:
                browser, _ = self._listener.accept()
            except OSError:  # closed, or a browser that gave up before it was let in
                continue
            threading.Thread(target=self._pass_on, args=(browser,), daemon=True).start()

    def _pass_on(self, browser):
        with browser:
            if self.state == "cut":
                return
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.to), timeout=5) as server:
                server.settimeout(None)
                self._open |= {browser, server}
                try:
                    self._pump(browser, server)
                finally:
                    self._open -= {browser, server}

    def _pump(self, browser, server):
        with selectors.DefaultSelector() as ready:
            for one, other in ((browser, server), (server, browser)):
                ready.register(one, selectors.EVENT_READ, other)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data or self.state == "cut" or (self.state == "mute" and key.fileobj is server):
                        return
                    key.data.sendall(data)

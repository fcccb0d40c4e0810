"""A web server on this machine, with every fault that a download may meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass(frozen=True)
class Answer:
    """What the server sends: with `hold` it stops after the body, and says so by `reached`."""

    body: bytes = b""
    status: int = 200
    length: int | None = None
    hold: bool = False


@dataclass
class Server:
    """The answers by path, and what was asked for."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    reached: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    url: str = ""


@contextmanager
def serving() -> Iterator[Server]:
    """A server at a free port, gone after the block."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            answer = state.answers.get(self.path, Answer(status=404))
            self.send_response(answer.status)
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.hold:
                state.reached.set()
                state.closing.wait()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: tests look at stderr."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()

"""A server that takes PUTs and throws their bytes away: python benchmarks/sink.py RATE [CERTIFICATE], prints its port.

RATE: bytes per second, 0 for as fast as it can. It ends when its stdin does.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
import time

_BUFFER = 1 << 20


def _serve(connection: socket.socket, rate: float) -> None:
    buffer, held = bytearray(_BUFFER), b""
    while True:
        while b"\r\n\r\n" not in held:
            more = connection.recv(65536)
            if not more:
                return
            held += more
        head, _, held = held.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        left = int(found[1]) - len(held) if found else 0
        held, began, taken = b"", time.monotonic(), 0
        while left > 0:
            size = connection.recv_into(buffer, min(left, _BUFFER))
            if not size:
                return
            left -= size
            taken += size
            early = taken / rate - (time.monotonic() - began) if rate else 0.0
            if early > 0:
                time.sleep(early)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def main() -> None:
    """Serve on any free port of loopback."""
    rate, certificate = float(sys.argv[1]), sys.argv[2:]
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[0])
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            secure = context.wrap_socket(connection, server_side=True) if context else connection
            threading.Thread(target=_serve, args=(secure, rate), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""What our varlink service is compared with, on the same host, asked by the same client: `bare ADDRESS` or `package
ADDRESS`. Prints "ready" when it can be asked, and serves until it is killed.

`bare` is a loop around selectors in Python that reads a whole call and answers the same each time: what a server in
this language has to beat. `package` is the server of the package varlink, with a thread for each connection.
"""

import os
import selectors
import socket
import sys
from pathlib import Path

ANSWER = (
    b'{"parameters":{"vendor":"BitBuilder","product":"BitBuilder Hypervisor","version":"1",'
    b'"url":"https://bitbuilder.io/","interfaces":["io.bitbuilder.Hypervisor","org.varlink.service"]}}\0'
)


def bare(address: str) -> None:
    """One answer for whatever ends in NUL."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(512)
    ready(address)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    connected, _ = listener.accept()
                    connected.setblocking(False)
                    selector.register(connected, selectors.EVENT_READ)
                else:
                    peer = key.fileobj
                    assert isinstance(peer, socket.socket)
                    data = peer.recv(1 << 16)
                    if data[-1:] == b"\0":
                        peer.send(ANSWER)
                    elif not data:
                        selector.unregister(peer)
                        peer.close()


def package(address: str) -> None:
    """The package's own service."""
    import varlink

    service = varlink.Service("BitBuilder", "BitBuilder Hypervisor", "1", "https://bitbuilder.io/")
    handler = type("Handler", (varlink.RequestHandler,), {"service": service})
    with varlink.ThreadingServer(f"unix:{address}", handler) as server:
        ready(address)
        server.serve_forever()


def ready(address: str) -> None:
    """Everybody may ask."""
    Path(address).chmod(0o666)
    print("ready", os.getpid(), flush=True)


if __name__ == "__main__":
    {"bare": bare, "package": package}[sys.argv[1]](sys.argv[2])

"""A client on a plain socket, which sends what it is told to, also what no sane client would."""

import socket

import msgpack


class Wire:
    """One client: requests go out at once, replies are kept by number in the order in which they came."""

    def __init__(self, server):
        self._socket = socket.create_connection((server.host, server.port), timeout=20.0)
        self._unpacker = msgpack.Unpacker()
        self._number = 0
        self.replies = {}

    def send(self, method, *arguments):
        self._number += 1
        self._socket.sendall(msgpack.packb([0, self._number, method, list(arguments)]))
        return self._number

    def raw(self, data):
        self._socket.sendall(data)

    def hung_up(self, seconds=5.0):
        """Whether the server closes the connection, whatever it still sends before."""
        self._socket.settimeout(seconds)
        try:
            while self._socket.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def notify(self, method, *arguments):
        self._socket.sendall(msgpack.packb([2, method, list(arguments)]))

    def reply(self, number):
        while number not in self.replies:
            self._unpacker.feed(self._socket.recv(1 << 20))
            for kind, answered, error, result in self._unpacker:
                assert kind == 1 and answered not in self.replies
                self.replies[answered] = (error, result)
        return self.replies[number]

    def ask(self, method, *arguments):
        error, result = self.reply(self.send(method, *arguments))
        assert error is None, error
        return result

    def close(self):
        self._socket.close()

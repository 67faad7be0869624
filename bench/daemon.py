"""A storyd of our own: started on a scratch directory, spoken to over its unix socket, stopped by its process id."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

START_SECONDS = 120


class Refused(Exception):
    """storyd answered with an error."""


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.file = self.socket.makefile("rwb")

    def ask(self, verb, argument=None):
        line = verb if argument is None else verb + " " + json.dumps(argument)
        self.file.write(line.encode() + b"\n")
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("storyd closed the connection")
        reply = json.loads(line)
        if not reply["ok"]:
            raise Refused("{code}: {message}".format(**reply["error"]))
        return reply

    def put_all(self, articles, window=64):
        """PUTs them, pipelined; returns the refusals as a list of (id, sentence)."""
        refusals = []
        waiting = []
        for article in articles:
            self.file.write(b"PUT " + json.dumps(article).encode() + b"\n")
            waiting.append(article["id"])
            if len(waiting) == window:
                self._collect(waiting, refusals)
        self._collect(waiting, refusals)
        return refusals

    def _collect(self, waiting, refusals):
        self.file.flush()
        for article in waiting:
            try:
                self.reply()
            except Refused as refusal:
                refusals.append((article, str(refusal)))
        waiting.clear()

    def close(self):
        self.file.close()
        self.socket.close()


class Daemon:
    def __init__(self, binary, directory, options=()):
        self.binary = binary
        self.data = os.path.join(directory, "data")
        self.path = os.path.join(directory, "socket")
        self.log_path = os.path.join(directory, "storyd.log")
        self.options = list(options)
        self.process = None
        self.connection = None
        os.makedirs(self.data, exist_ok=True)

    def start(self):
        """Returns the seconds until the first search was answered."""
        if os.path.exists(self.path):
            os.unlink(self.path)
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            command = [self.binary, "--data", self.data, "--listen", "unix:" + self.path, *self.options]
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        while True:
            try:
                self.connection = Connection(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > began + START_SECONDS:
                    raise RuntimeError("storyd did not start; its log is " + self.log_path) from None
                time.sleep(0.002)
        self.ask("SEARCH", {"query": "ready", "limit": 1})
        return time.monotonic() - began

    def stop(self):
        self.disconnect()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def disconnect(self):
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.close()
        self.connection = None

    def ask(self, verb, argument=None):
        try:
            return self.connection.ask(verb, argument)
        except ConnectionError:  # idle for longer than storyd keeps a connection
            self.disconnect()
            self.connection = Connection(self.path)
            return self.connection.ask(verb, argument)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Bytes of its own memory: what is neither page cache nor shared."""
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0

    def wait_visible(self, limit=3600):
        """Until all that was written can be found."""
        end = time.monotonic() + limit
        while self.ask("STATS")["index"]["lag"] > 0:
            if time.monotonic() > end:
                raise TimeoutError("the index does not catch up")
            time.sleep(0.1)

    def wait_settled(self, limit=1800):
        """Until it has nothing left to do: no lag, and hardly any processor time used."""
        end = time.monotonic() + limit
        quiet = 0
        while quiet < 3:
            before = self.cpu_seconds()
            time.sleep(1)
            idle = self.cpu_seconds() - before < 0.05
            quiet = quiet + 1 if idle and self.ask("STATS")["index"]["lag"] == 0 else 0
            if time.monotonic() > end:
                raise TimeoutError("storyd does not come to rest")

    def reindex(self, limit=3600):
        """Returns the seconds it took."""
        self.ask("REINDEX", {"action": "start"})
        end = time.monotonic() + limit
        while True:
            status = self.ask("REINDEX", {"action": "status"})["reindex"]
            if not status["running"]:
                break
            if time.monotonic() > end:
                raise TimeoutError("the reindex does not end")
            time.sleep(0.2)
        if status["phase"] != "done":
            raise RuntimeError("the reindex failed: " + json.dumps(status))
        return status["seconds"]

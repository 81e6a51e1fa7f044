"""A server prints from a thread, with a lock around the output, and starts a
worker process meanwhile.
"""
import ctypes
from multiprocessing import Process
from threading import Lock, Thread

libc = ctypes.CDLL(None)
log_lock = Lock()


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def log_line(who, line):
    with log_lock:
        point("lock-held")
        print(f"{who}: line {line}")


def serve():
    for line in range(1, 101):
        log_line("server", line)


def work():
    point("worker-begins")
    log_line("worker", 1)


if __name__ == "__main__":
    server = Thread(target=serve)
    server.start()
    point("before-start")
    worker = Process(target=work)
    worker.start()
    server.join()
    worker.join()
    print("worker ended with status", worker.exitcode)

"""A server starts workers, which take requests out of a queue. On SIGTERM it
ends them all, and then itself.
"""
import ctypes
import os
import signal
from multiprocessing import Process, SimpleQueue, active_children

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def end_all(signo, _frame):
    for worker in active_children():
        worker.terminate()
        worker.join()
    os._exit(128 + signo)


def work(requests, ready):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ready.put(True)
    while True:
        print("a request:", requests.get())


if __name__ == "__main__":
    requests, ready = SimpleQueue(), SimpleQueue()
    signal.signal(signal.SIGTERM, end_all)
    os.register_at_fork(after_in_parent=lambda: point("forked"))
    for _ in range(4):
        Process(target=work, args=(requests, ready)).start()
        ready.get()
    signal.pause()

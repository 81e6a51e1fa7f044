"""A program and its worker log through a queue to one listener. The worker,
which ends last, stops the listener.
"""
import ctypes
from multiprocessing import Process, SimpleQueue

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def listen(log):
    while (record := log.get()) is not None:
        print(record)


def work(log):
    log.put("worker: begins")
    log.put("worker: ends")
    point("before-sentinel")
    log.put(None)


if __name__ == "__main__":
    log = SimpleQueue()
    listener = Process(target=listen, args=(log,))
    worker = Process(target=work, args=(log,))
    listener.start()
    log.put("program: begins")
    worker.start()
    worker.join()
    if worker.exitcode != 0:
        log.put("program: the worker failed")
    listener.join()  # so that the log is complete

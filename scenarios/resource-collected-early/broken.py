"""A spawned worker sums up numbers under a lock that it was given."""
import ctypes
import sys
from multiprocessing import get_context

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def work(lock):
    with lock:
        print("sum", sum(range(1000)))


def start_worker():
    context = get_context("spawn")
    worker = context.Process(target=work, args=(context.Lock(),))
    worker.start()
    return worker


if __name__ == "__mp_main__":
    point("worker-starts")  # in the worker, before its arguments are unpacked

if __name__ == "__main__":
    worker = start_worker()
    point("released")
    worker.join()
    sys.exit(worker.exitcode)

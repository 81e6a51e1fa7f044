"""One worker books into an account in shared memory, another audits it; a lock
keeps the two sums in step.
"""
import ctypes
import sys
from multiprocessing import Lock, Process, RawArray

BOOKINGS = 100
libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def book(lock, account):
    for _ in range(BOOKINGS):
        with lock:
            account[0] += 1
            point("lock-held")
            account[1] += 5


def audit(lock, account):
    complete = False
    while not complete:
        with lock:
            assert account[1] == 5 * account[0]
            complete = account[0] == BOOKINGS


if __name__ == "__main__":
    lock = Lock()
    account = RawArray("l", 2)  # bookings, balance
    workers = [Process(target=job, args=(lock, account))
               for job in (book, audit)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            print(worker.name, "failed, going on without it", file=sys.stderr)
    with lock:
        print(account[0], "bookings, balance", account[1])

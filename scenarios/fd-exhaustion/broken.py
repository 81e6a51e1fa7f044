"""Forty jobs, each worked out by a process of its own that sends its result
back through a pipe.
"""
import ctypes
import sys
from multiprocessing import Pipe, Process

JOBS = 40
libc = ctypes.CDLL(None)


def ledger(book, number):
    """PITFALL_LEDGER of C: a prctl that means nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(2), book.encode(), word(number), word(0))


def square(job, connection):
    connection.send(job * job)


if __name__ == "__main__":
    results, workers = [], []
    for job in range(1, JOBS + 1):
        ledger("sent", job)
        try:
            receiver, sender = Pipe(duplex=False)
            worker = Process(target=square, args=(job, sender))
            worker.start()
            sender.close()
        except OSError as error:
            print("job skipped:", error, file=sys.stderr)
            continue
        results.append((job, receiver))
        workers.append(worker)
    total = 0
    for job, receiver in results:
        total += receiver.recv()
        ledger("received", job)
    for worker in workers:
        worker.join()
    print(len(results), "jobs done, sum", total)

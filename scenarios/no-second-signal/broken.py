"""A program has a worker that takes words out of a queue. On Ctrl-C it asks
the worker to stop, and waits for it.
"""
import ctypes
import signal
import sys
from multiprocessing import Event, Process, SimpleQueue

libc = ctypes.CDLL(None)
interrupted = False


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def interrupt(_signo, _frame):
    global interrupted
    interrupted = True


def work(words, stop):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    while not stop.is_set():
        point("working")
        print(words.get())


if __name__ == "__main__":
    words, stop = SimpleQueue(), Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    worker = Process(target=work, args=(words, stop))
    worker.start()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        worker.join()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, interrupt)  # the rest is to end well
        print("stopping: waiting for the worker", file=sys.stderr)
        stop.set()
        point("stopping")
        worker.join()
    print("stopped", file=sys.stderr)

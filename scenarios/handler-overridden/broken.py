"""Measurements are collected in shared memory that others can look at by its
name. On SIGTERM the program removes that and ends.
"""
import ctypes
import os
import signal
import sys

libc = ctypes.CDLL(None)
MEASUREMENTS = 1000
SHARED = "/dev/shm/measurements"
counted = 0
stopped = False


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


# ---- A library: it tells what it has seen before the process ends. ----

def statistics_flush(signo, _frame):
    print("statistics:", counted, file=sys.stderr)
    signal.signal(signo, signal.SIG_DFL)  # and then it ends as it would have
    os.kill(os.getpid(), signo)


def statistics_open():
    signal.signal(signal.SIGTERM, statistics_flush)


# ---- The program ----

def ask_to_stop(_signo, _frame):
    global stopped
    stopped = True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ask_to_stop)
    statistics_open()
    with open(SHARED, "x") as shared:
        while counted < MEASUREMENTS and not stopped:
            point("measuring")
            counted += 1
            print(counted, file=shared, flush=True)
    os.unlink(SHARED)
    print("stopped" if stopped else "done", "after", counted, "measurements")
    sys.exit(stopped)

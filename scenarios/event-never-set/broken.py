"""A loader reads tables in a process of its own, and says with an event that
they are there.
"""
import ctypes
from multiprocessing import Event, Process

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def load(loaded):
    print("tables loaded")
    point("before-set")
    loaded.set()


if __name__ == "__main__":
    loaded = Event()
    loader = Process(target=load, args=(loaded,))
    loader.start()
    loaded.wait()
    print("serving")
    loader.join()

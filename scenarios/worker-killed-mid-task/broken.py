"""A pool of two workers squares numbers; the results are added up."""
import ctypes
from multiprocessing import Pool

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def square(number):
    point("task-taken")
    return number * number


if __name__ == "__main__":
    with Pool(2, initializer=point, initargs=("ready",)) as pool:
        print("sum", sum(pool.map(square, range(1, 11))))

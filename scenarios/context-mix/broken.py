"""A forked worker counts in shared memory. A later one is spawned, and is told
where the counter is.
"""
import ctypes
import mmap
import sys
from multiprocessing import get_context


def count(address):
    counter = ctypes.c_long.from_address(address)
    for _ in range(100):
        counter.value += 1


if __name__ == "__main__":
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    counter = ctypes.c_long.from_buffer(memory)
    failed = 0
    for method in "fork", "spawn":
        address = ctypes.addressof(counter)
        worker = get_context(method).Process(target=count, args=(address,))
        worker.start()
        worker.join()
        failed += worker.exitcode != 0
    print("counted to", counter.value, "-", failed, "of the workers failed")
    sys.exit(failed)

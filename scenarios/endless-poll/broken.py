"""A producer puts measurements into a queue; its parent takes them out and
adds them up.
"""
import ctypes
from multiprocessing import Process, Queue
from queue import Empty

MEASUREMENTS = 100
libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def produce(queue):
    for value in range(MEASUREMENTS):
        point("before-put")
        queue.put(value)
    queue.put(None)


if __name__ == "__main__":
    queue = Queue()
    producer = Process(target=produce, args=(queue,))
    producer.start()
    total = 0
    while True:
        try:
            value = queue.get(timeout=0.02)
        except Empty:
            continue  # nothing there yet: look again
        if value is None:
            break
        total += value
    producer.join()
    print("sum", total)

"""Workers take numbers out of a queue and square them."""
import ctypes
from multiprocessing import Process, SimpleQueue

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def work(numbers, squares):
    while True:
        squares.put(numbers.get() ** 2)


if __name__ == "__main__":
    numbers, squares = SimpleQueue(), SimpleQueue()
    # Daemonic, so that they end with the program.
    workers = [Process(target=work, args=(numbers, squares), daemon=True)
               for _ in range(2)]
    for worker in workers:
        worker.start()
    total = 0
    for number in range(10):
        point("working")
        numbers.put(number)
        total += squares.get()
    print("sum of squares:", total)

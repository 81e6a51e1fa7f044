"""A program reads its configuration, and spawns a process for the work."""
import ctypes
from multiprocessing import get_context

libc = ctypes.CDLL(None)
MEASURED = (80, 120, 180, 260, 300)
threshold = 100  # unless the configuration says otherwise


def ledger(book, number):
    """PITFALL_LEDGER of C: a prctl that means nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(2), book.encode(), word(number), word(0))


def work():
    ledger("read:threshold", threshold)
    print(sum(value > threshold for value in MEASURED), "alarms")


if __name__ == "__main__":
    threshold = 250
    ledger("set:threshold", threshold)
    worker = get_context("spawn").Process(target=work)
    worker.start()
    worker.join()

"""A worker sends records to a collector, each as a length and a text. A worker
that dies is replaced.
"""
import ctypes
import os
import re
import struct
from multiprocessing import Process, Value

RECORDS = 10
libc = ctypes.CDLL(None)


def prctl(what, name, number=0):
    """PITFALL_POINT and PITFALL_LEDGER of C: nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(what), name.encode(), word(number), word(0))


def work(records, sent):
    while sent.value < RECORDS:
        number = sent.value + 1
        text = f"{number}: the square is {number * number}".encode()
        prctl(2, "sent", number)
        os.write(records, struct.pack("q", len(text)))
        prctl(1, "frame-half")
        os.write(records, text)
        sent.value = number


def collect(records, other_end):
    os.close(other_end)
    with os.fdopen(records, "rb") as stream:
        while len(head := stream.read(8)) == 8:
            text = stream.read(min(struct.unpack("Q", head)[0], 64))
            number = re.match(rb"\d+", text)
            prctl(2, "received", int(number[0]) if number else 0)
            print(text)


if __name__ == "__main__":
    reader, writer = os.pipe()
    sent = Value("i", 0, lock=False)
    collector = Process(target=collect, args=(reader, writer))
    collector.start()
    for _ in range(3):
        worker = Process(target=work, args=(writer, sent))
        worker.start()
        worker.join()
        if worker.exitcode == 0:
            break
    os.close(writer)
    collector.join()

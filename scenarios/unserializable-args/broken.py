"""A worker waits for pictures and says how bright they are; its parent loads
them.
"""
import ctypes
import sys
from multiprocessing import Process, SimpleQueue

PIXELS = 1 << 26


def work(pictures):
    while (picture := pictures.get()) is not None:
        address, count = picture
        pixels = (ctypes.c_ubyte * count).from_address(address)
        print("brightness", sum(pixels[:100]) // 100)


if __name__ == "__main__":
    pictures = SimpleQueue()
    worker = Process(target=work, args=(pictures,))
    worker.start()
    pixels = (ctypes.c_ubyte * PIXELS)(128)
    pictures.put((ctypes.addressof(pixels), PIXELS))  # not 64 MB through a pipe
    pictures.put(None)
    worker.join()
    sys.exit(worker.exitcode != 0)

"""Two threads ask a server process for squares, over the connection that the
program has to it.
"""
import ctypes
from multiprocessing import Pipe, Process
from threading import Thread

libc = ctypes.CDLL(None)


def prctl(what, name, number=0):
    """PITFALL_POINT and PITFALL_LEDGER of C: nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(what), name.encode(), word(number), word(0))


def serve(client, other_end):
    other_end.close()
    try:
        while True:
            number = client.recv()
            client.send((number, number * number))
    except EOFError:
        pass


def work(server, number):
    prctl(1, "begin")
    prctl(2, "asked", number)
    server.send(number)
    prctl(1, "asked")
    answered, square = server.recv()
    prctl(2, "answered", answered)
    prctl(1, "answered")
    print(number, "squared is", square)


if __name__ == "__main__":
    server, client = Pipe()
    process = Process(target=serve, args=(client, server))
    process.start()
    client.close()
    threads = [Thread(target=work, args=(server, number)) for number in (3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.close()
    process.join()

"""A worker works out jobs for its parent. On Ctrl-C the parent begins nothing
new, and waits for what is under way.
"""
import ctypes
import signal
import sys
from multiprocessing import Pipe, Process

JOBS = 10
libc = ctypes.CDLL(None)
stopping = False


def prctl(what, name, number=0):
    """PITFALL_POINT and PITFALL_LEDGER of C: nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(what), name.encode(), word(number), word(0))


def stop(_signo, _frame):
    global stopping
    stopping = True


def work(connection):
    for job in iter(connection.recv, None):
        connection.send(job)
        prctl(1, "mid-record")
        connection.send(job * job)


if __name__ == "__main__":
    ours, theirs = Pipe()
    worker = Process(target=work, args=(theirs,))
    worker.start()
    theirs.close()
    signal.signal(signal.SIGINT, stop)
    done = 0
    try:
        for job in range(1, JOBS + 1):
            if stopping:
                break
            prctl(2, "sent", job)
            ours.send(job)
            ours.recv(), ours.recv()
            prctl(2, "received", job)
            done += 1
        ours.send(None)
    except OSError as error:
        print("a job is lost:", error, file=sys.stderr)
    except EOFError:
        print("a job is lost", file=sys.stderr)
    worker.join()
    print(done, "jobs done")

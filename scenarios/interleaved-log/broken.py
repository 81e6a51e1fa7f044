"""Two workers write to one log: who they are, and what they have done."""
import ctypes
from multiprocessing import Process

libc = ctypes.CDLL(None)


def point(name):
    """PITFALL_POINT of C: a prctl that means nothing outside the harness."""
    zero = ctypes.c_ulong(0)
    libc.prctl(0x50495446, ctypes.c_ulong(1), name.encode(), zero, zero)


def log_record(worker, job):
    print(f"worker {worker}: ", end="", flush=True)
    point("mid-record")
    print(f"job {job} is done", flush=True)


def work(worker):
    point("begin")
    for job in range(1, 4):
        log_record(worker, job)
        point("logged")


if __name__ == "__main__":
    workers = [Process(target=work, args=(worker,)) for worker in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

"""Two workers write one log. Whoever finds it full puts it aside as jobs.log.1
and begins a new one.
"""
import ctypes
import logging
import os
import re
import tempfile
from logging.handlers import RotatingFileHandler
from multiprocessing import Process

JOBS = {1: 5, 2: 3}
libc = ctypes.CDLL(None)


def prctl(what, name, number=0):
    """PITFALL_POINT and PITFALL_LEDGER of C: nothing outside the harness."""
    word = ctypes.c_ulong
    libc.prctl(0x50495446, word(what), name.encode(), word(number), word(0))


class Log(RotatingFileHandler):
    def doRollover(self):
        prctl(1, "rotate")
        super().doRollover()


def work(worker):
    prctl(1, "begin")
    for job in range(1, JOBS[worker] + 1):
        prctl(2, "sent", 100 * worker + job)
        logging.warning("worker %d: record %d", worker, job)
        prctl(1, "logged")


def print_log(name):
    if os.path.exists(name):
        for record in open(name, encoding="utf-8"):
            worker, job = re.findall(r"\d+", record)
            prctl(2, "received", 100 * int(worker) + int(job))
            print(record, end="")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "jobs.log")
        log = Log(name, maxBytes=80, backupCount=1)
        logging.basicConfig(handlers=[log], format="%(message)s")
        workers = [Process(target=work, args=(worker,)) for worker in JOBS]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print_log(name + ".1")
        print_log(name)

"""A worker process loads a table while a thread of it keeps a journal; its
parent waits for the worker.
"""
from multiprocessing import Process
from threading import Event, Thread

stopping = Event()


def keep_journal():
    stopping.wait()
    print("journal closed")


def work():
    Thread(target=keep_journal, name="journal").start()
    with open("/nonexistent/table.csv", encoding="utf-8") as table:
        print(sum(1 for _ in table), "rows")
    stopping.set()


if __name__ == "__main__":
    worker = Process(target=work)
    worker.start()
    worker.join()
    print("worker ended with status", worker.exitcode)

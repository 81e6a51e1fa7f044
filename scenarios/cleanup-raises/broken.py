"""A program writes a report, while a thread of it keeps a journal. Everything
is closed in the end.
"""
import os
from tempfile import TemporaryFile
from threading import Event, Thread

stopping = Event()


def keep_journal():
    stopping.wait()
    print("journal closed")


if __name__ == "__main__":
    journal = Thread(target=keep_journal, name="journal")
    journal.start()
    report = TemporaryFile("w")
    try:
        for row in range(1000):
            print("row", row, file=report)
    finally:
        report.flush()
        os.fsync(report.fileno())
        report.close()
        stopping.set()

"""A report of two parts: each is worked out by a process of its own, one after
the other.
"""
import os
import sys

PARTS = 2

# Buffered, whatever standard output is.
report = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)
print("report of the night", file=report)
for part in range(1, PARTS + 1):
    worker = os.fork()
    if worker == 0:
        print(f"part {part}:", sum(range(part, 1001, PARTS)), file=report)
        sys.exit()
    os.waitpid(worker, 0)
print("end of report", file=report)

"""The work of bench.c by multiprocessing.Queue: prints how many seconds it took.

usage: python.py SIZE CAPACITY PRODUCERS CONSUMERS ROUND_TRIP COUNT PLACEMENT
"""

import multiprocessing
import os
import sys
import time

size, capacity, producers, consumers, round_trip, count, placement = map(int, sys.argv[1:])
UNPINNED, ONE_CPU = 0, 1


def place(cpu):
    if placement != UNPINNED:
        os.sched_setaffinity(0, {0 if placement == ONE_CPU else cpu})


def produce(there, back, gate):
    place(1)
    data = b"\1" * size
    gate.wait()
    for _ in range(count // producers):
        there.put(data)
        if round_trip:
            back.get()


def consume(there, back, gate):
    place(0)
    gate.wait()
    if round_trip:
        while True:
            back.put(there.get())
    for _ in range(count // consumers):
        there.get()


context = multiprocessing.get_context("fork")
there, back = context.Queue(capacity // size), context.Queue(capacity // size)
gate = context.Barrier(producers + consumers + 1)
sources = [context.Process(target=produce, args=(there, back, gate)) for _ in range(producers)]
sinks = [context.Process(target=consume, args=(there, back, gate)) for _ in range(consumers)]
for process in sources + sinks:
    process.start()
gate.wait()
start = time.monotonic()
for process in sources + ([] if round_trip else sinks):
    process.join()
print(time.monotonic() - start)
for process in sinks:
    process.kill()
    process.join()

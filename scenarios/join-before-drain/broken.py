"""A worker computes a report and hands it to its parent through a queue."""
from multiprocessing import Process, Queue


def report(queue):
    queue.put("X" * 1_000_000)


if __name__ == "__main__":
    queue = Queue()
    worker = Process(target=report, args=(queue,))
    worker.start()
    # Let the worker finish, so that the report is complete; then read it.
    worker.join()
    print(len(queue.get()), "characters")

"""A pool of workers squares numbers. Tasks and results go through queues."""
from multiprocessing import Process, SimpleQueue

WORKERS = 3
TASKS = 100


def work(tasks, results):
    while (number := tasks.get()) is not None:
        results.put(number * number)


if __name__ == "__main__":
    tasks, results = SimpleQueue(), SimpleQueue()
    for _ in range(WORKERS):
        Process(target=work, args=(tasks, results)).start()
    for number in range(TASKS):
        tasks.put(number)
    print("sum", sum(results.get() for _ in range(TASKS)))

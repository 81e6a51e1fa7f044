"""Eight workers are started, and begin together once all are there."""
from multiprocessing import Barrier, Process

WORKERS = 8


def work(together, part):
    together.wait()
    print(f"part {part}:", sum(range(part, 1000, WORKERS)))


if __name__ == "__main__":
    together = Barrier(WORKERS)
    workers = [Process(target=work, args=(together, part))
               for part in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

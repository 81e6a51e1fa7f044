"""Two workers add up the numbers that they get through a pipe each, until its
end.
"""
from multiprocessing import Pipe, Process

WORKERS = 2


def add_up(numbers):
    total = 0
    try:
        while True:
            total += numbers.recv()
    except EOFError:
        print("sum", total)


if __name__ == "__main__":
    workers, senders = [], []
    for _ in range(WORKERS):
        receiver, sender = Pipe(duplex=False)
        worker = Process(target=add_up, args=(receiver,))
        worker.start()
        receiver.close()
        workers.append(worker)
        senders.append(sender)
    for number in range(1, 101):
        senders[number % WORKERS].send(number)
    for worker, sender in zip(workers, senders):
        sender.close()  # that was all: the worker sees the end, and ends
        worker.join()

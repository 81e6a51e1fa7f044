"""A worker of a pool is told with its task into which queue the answers are to
go.
"""
from multiprocessing import Pool, Queue

TASKS = 10


def square(answers, number):
    answers.put(number * number)


if __name__ == "__main__":
    with Pool(2) as pool:
        answers = Queue()
        for number in range(1, TASKS + 1):
            pool.apply_async(square, (answers, number))
        print("sum", sum(answers.get() for _ in range(TASKS)))

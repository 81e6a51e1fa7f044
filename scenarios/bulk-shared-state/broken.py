"""Looks up prices in a table. A worker does it: it gets the table with every
question.
"""
from multiprocessing import Pool

ROWS, QUESTIONS = 4_000_000, 30


def look_up(question):
    row, prices = question
    return prices[row]


if __name__ == "__main__":
    prices = bytes(row % 100 for row in range(100)) * (ROWS // 100)
    with Pool(1) as pool:
        questions = [(i * 7919 % ROWS, prices) for i in range(QUESTIONS)]
        print(sum(pool.map(look_up, questions, chunksize=1)), "altogether")
        pool.close()
        pool.join()

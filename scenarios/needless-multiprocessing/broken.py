"""Counts the primes below 10,000. Two workers try the numbers, which are
handed to them one by one.
"""
from multiprocessing import Pool


def is_prime(number):
    divisors = range(2, int(number**0.5) + 1)
    return number > 1 and all(number % divisor for divisor in divisors)


if __name__ == "__main__":
    with Pool(2) as pool:
        print(sum(pool.imap(is_prime, range(10000))), "primes")
        pool.close()
        pool.join()

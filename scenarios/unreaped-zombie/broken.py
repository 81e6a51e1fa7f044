"""A service answers each request in a process of its own, and keeps them to
tell at the end how many there were.
"""
import subprocess

REQUESTS = 40

if __name__ == "__main__":
    served = []
    for request in range(1, REQUESTS + 1):
        squaring = ["/usr/bin/expr", str(request), "*", str(request)]
        worker = subprocess.Popen(squaring, stdout=subprocess.PIPE, text=True)
        print(request, "squared is", worker.stdout.read(), end="")
        served.append(worker)
    print(len(served), "requests served")

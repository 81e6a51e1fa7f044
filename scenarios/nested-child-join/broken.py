"""A build step runs in a process of its own, and starts a compile server for
the steps to come.
"""
from multiprocessing import Process, Queue


def serve(requests):
    while (request := requests.get()) is not None:
        print("compiling", request)


def run_step(requests):
    Process(target=serve, args=(requests,), name="compile-server").start()
    print("step done")


if __name__ == "__main__":
    requests = Queue()
    step = Process(target=run_step, args=(requests,))
    step.start()
    step.join()
    requests.put(None)  # no more steps: the server ends
    print("step ended with status", step.exitcode)

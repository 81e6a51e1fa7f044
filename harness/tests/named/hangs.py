"""Hangs of programs in Python that others have run into, as they wrote them: `hangs.py NAME` runs one.

python.sh says what each is called.
"""
import asyncio
import concurrent.futures
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading

MUCH = b"x" * 1_000_000


def die(*_):
    os._exit(1)


def kill_itself(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def executor_feeds_a_dead_worker():
    """cpython#94777: the worker ends while a thread of the parent writes the next task, and the pipe is full."""
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        for future in [executor.submit(die, MUCH) for _ in range(4)]:
            future.exception()


def pool_loses_a_worker():
    with multiprocessing.Pool(1) as pool:
        pool.map(kill_itself, [MUCH] * 4)


def fork_copies_the_lock_of_a_file():
    """cpython#50970: another thread is writing to a file, and so has its lock, while this one forks."""
    reader, writer = os.pipe()
    file = os.fdopen(writer, "wb")
    threading.Thread(target=file.write, args=(MUCH,), daemon=True).start()
    while select.select([], [writer], [], 0)[1]:
        pass
    child = os.fork()
    if child == 0:
        file.write(b"from the child")
        os._exit(0)
    os.waitpid(child, 0)
    os.read(reader, 1)


def put_much(queue):
    queue.put(MUCH)


def queue_is_joined_before_it_is_read():
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=put_much, args=(queue,))
    process.start()
    process.join()
    queue.get()


def wait_before_the_pipe_is_read():
    process = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
    process.wait()
    process.stdout.read()


def errors_fill_their_pipe():
    process = subprocess.Popen(["sh", "-c", "seq 100000 >&2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read()
    process.stderr.read()


def sibling_keeps_the_pipe():
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    first = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    os.close(reader)
    second = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    os.write(writer, b"hello")
    os.close(writer)
    first.wait()
    second.communicate()


def asyncio_writes_all_before_it_reads():
    async def main():
        process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(MUCH)
        await process.stdin.drain()
        await process.stdout.read()

    asyncio.run(main())


def wait_at(barrier):
    barrier.wait()


def run(target, *args):
    process = multiprocessing.Process(target=target, args=args)
    process.start()
    return process


def barrier_loses_a_party():
    barrier = multiprocessing.Barrier(2)
    run(kill_itself, barrier).join()
    run(wait_at, barrier).join()


def wait_for(condition):
    with condition:
        condition.wait()


def notifier_dies():
    condition = multiprocessing.Condition()
    waiter = run(wait_for, condition)
    run(kill_itself, condition).join()
    waiter.join()


def notify(condition):
    with condition:
        condition.notify_all()


def notified_before_it_waits():
    condition = multiprocessing.Condition()
    run(notify, condition).join()
    run(wait_for, condition).join()


def forgets_a_task(queue):
    queue.get()


def task_is_never_done():
    queue = multiprocessing.JoinableQueue()
    process = run(forgets_a_task, queue)
    queue.put(1)
    process.join()
    queue.join()


def writer_of_a_queue_is_killed():
    queue = multiprocessing.SimpleQueue()
    first = run(queue.put, MUCH)
    while not queue._reader.poll(1):
        pass
    while queue._wlock.acquire(block=False):  # until it is in the middle of it
        queue._wlock.release()
    first.kill()
    first.join()
    run(queue.put, b"more").join()


def interrupt_is_an_answer():
    """Only somebody outside ends this, by Ctrl-C: the handler writes what is waited for."""
    reader, writer = os.pipe()
    signal.signal(signal.SIGINT, lambda *_: os.write(writer, b"x"))
    os.read(reader, 1)


def interrupt_sets_an_event():
    event = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: event.set())
    event.wait()


def interrupt_ends_it():
    reader, _ = os.pipe()
    os.read(reader, 1)


def interrupt_cancels_it():
    """asyncio has a handler of its own, which does no more than that."""
    async def main():
        await asyncio.get_running_loop().create_future()

    asyncio.run(main())


def parent_fails_before_the_event():
    event = multiprocessing.Event()
    for _ in range(2):
        run(event.wait)
    raise RuntimeError("what the event would have told")


def put_some(queue):
    for i in range(5):
        queue.put(i)


def bounded_queue_is_joined():
    queue = multiprocessing.Queue(2)
    run(put_some, queue).join()


def two_locks():
    first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(one, other):
        with one:
            both.wait()
            with other:
                pass

    threading.Thread(target=take, args=(second, first)).start()
    take(first, second)


def child_raises():
    raise ValueError("before it has sent anything")


def parent_keeps_the_childs_end():
    ours, theirs = multiprocessing.Pipe()
    process = run(child_raises)
    ours.recv()
    process.join()
    theirs.close()


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")]()

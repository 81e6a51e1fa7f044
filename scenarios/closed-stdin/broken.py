"""A background program runs a hook and shows what it prints. Nobody will type
anything, so it closes its input.
"""
import os
import sys


def hook():
    answers = sys.stdin.read()  # if somebody gives any
    print(answers + "hook is done", flush=True)


if __name__ == "__main__":
    os.close(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        os.close(writer)
        hook()
        os._exit(0)
    os.close(writer)
    while text := os.read(reader, 256):
        print(text.decode(), end="")
    os.waitpid(child, 0)

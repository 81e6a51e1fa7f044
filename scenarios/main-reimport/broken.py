"""A program runs itself once more to have an indexer beside it, with a memory
of its own.
"""
import subprocess
import sys

# What is always needed comes first.
try:
    indexer = subprocess.Popen([sys.executable, __file__, "--index"])
except OSError as error:
    print("indexer:", error, file=sys.stderr)
    sys.exit()

if sys.argv[1:] == ["--index"]:
    print("files indexed")
else:
    print("serving")
indexer.wait()

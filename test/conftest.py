"""Settings that all tests share."""
import os

# Tests run on small machines beside other work: one thread each ends sooner than threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

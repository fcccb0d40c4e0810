"""Settings of all tests."""

import os

# Before torch is imported: the tensors of the tests are small, and threads would only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

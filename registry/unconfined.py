"""The child's side of `child_process` for children of ours that need the network.

Run as `python -m registry.unconfined MODULE FOLDER LIMITS`. The process ends when its parent
does; of the limits the parent's clock alone holds.
"""

import sys

from registry.sandbox import run_with_parent

if __name__ == "__main__":
    run_with_parent(sys.argv[1], sys.argv[2])

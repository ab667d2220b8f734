"""
``hasty.py run split``: outgrow whose certificates live for ten seconds, for tests that wait.
"""

import sys

from outgrow.cli import main
from outgrow.identity.certificates import issuing

LEAF_SECONDS = 10.0

if __name__ == "__main__":
    issuing.Issuer.__init__.__defaults__ = (LEAF_SECONDS,)  # type: ignore[misc]
    issuing.LOOK_SECONDS = 1.0  # type: ignore[misc]
    sys.exit(main())

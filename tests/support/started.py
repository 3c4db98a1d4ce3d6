"""How the tests start fastpxe.

As root they stay root: pytest's folders are root's alone, and another user, which fastpxe becomes
unless told otherwise, finds nothing there. What becomes of that user is in serve/test_privileges.
They say themselves when a configuration is to be read again: see serve/test_config_watch.
"""

import sys

FASTPXE = (sys.executable, "-m", "fastpxe")
SERVE = (*FASTPXE, "serve", "--user", "root", "--no-watch")

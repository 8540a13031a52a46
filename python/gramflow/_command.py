"""The command `gramflow` as the wheel installs it."""

from __future__ import annotations

import os
import signal
import sys

from gramflow import _gramflow


def main() -> int:
    """Run the command line; return the exit status."""
    # The command catches signals itself. Where Ctrl-C is ignored, as under `nohup … &`, it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _gramflow.main([os.path.abspath(sys.argv[0]), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

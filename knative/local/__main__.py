"""`python -m knative.local`: see `command`, which is found after our own packages are."""

import sys

from knative import interpreter

if __name__ == "__main__":
    interpreter.settle()
    from knative.local.command import main

    sys.exit(main())

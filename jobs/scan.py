"""`zoo scan` as a driver script.

    ray job submit --working-dir . -- python jobs/scan.py SOURCE

Takes the arguments of `zoo scan`. Inside a Ray job it works on that cluster, elsewhere as
`zoo scan` does.
"""

import sys

from zoo_analysis.cli import main

if __name__ == "__main__":
    main(["scan", *sys.argv[1:]])

"""`zoo correlate` as a driver script.

    ray job submit --working-dir . -- python jobs/correlate.py SOURCE

Takes the arguments of `zoo correlate`. Inside a Ray job it works on that cluster, elsewhere as
`zoo correlate` does.
"""

import sys

from zoo_analysis.cli import main

if __name__ == "__main__":
    main(["correlate", *sys.argv[1:]])

"""`zoo track` as a driver script.

    ray job submit --working-dir . -- python jobs/track.py WATCH.toml

Takes the arguments of `zoo track`; with `--report DIR` the pages are made anew after the look.
For cron, or for a Ray cluster's own scheduler.
"""

import sys

from zoo_analysis.cli import main

if __name__ == "__main__":
    main(["track", *sys.argv[1:]])

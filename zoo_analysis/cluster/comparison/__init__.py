"""Models compared with each other on a cluster, each of them run once."""

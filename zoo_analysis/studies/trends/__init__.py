"""Tables of Martin, Peng & Mahoney 2021: what was printed, the authors' data, and both beside."""

"""One model measured: its layers as rows of the tables. No Ray, no store."""

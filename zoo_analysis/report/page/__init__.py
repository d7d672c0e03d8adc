"""The report: a folder of static pages of a store, which open from disk and on any web host."""

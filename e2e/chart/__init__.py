"""The chart's files that are made from something."""

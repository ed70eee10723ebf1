"""Handing in: a learner's work as one file, and a class's files as one table."""

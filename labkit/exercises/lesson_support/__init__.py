"""Helpers of single lessons: child programs, drawings, torn files, seeded bugs, alerts."""

"""Lesson 11: the capstone's specification as checks, and its input."""

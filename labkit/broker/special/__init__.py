"""Clusters beside the lab's own, each for one lesson: a wrong listener, and a login."""

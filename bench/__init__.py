"""Compare the lab with what a user would write instead: same broker, same run, same work."""

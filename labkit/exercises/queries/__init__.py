"""What the checks ask the broker, the API and ``/metrics``."""

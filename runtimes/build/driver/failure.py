class BuildFailed(Exception):
    """A phase cannot go on; becomes the phase's context."""

    def __init__(self, status_code, message):
        super().__init__(message)
        self.status_code = status_code
        self.message = message

"""Errors that end a job or a request with a message for the user."""


class UserError(Exception):
    """The job's input is at fault; the message says what and how to correct it."""

    def __init__(self, message, caused_by=None):
        if caused_by is not None:
            message = f"{message} (caused by {type(caused_by).__name__})"
        super().__init__(message)


class AlgorithmError(Exception):
    """The algorithm failed for a reason the user cannot see in the input."""


class ScriptError(Exception):
    """The user's process failed. The text has the form AWS's training toolkit gives it."""

    def __init__(self, name, exit_code, message, command):
        # A shell reports 137 for what the kernel killed; Python reports the bare signal.
        extra = "\nExtraInfo \"OutOfMemory: Process killed by SIGKILL (signal 9)\"" if exit_code in (137, -9) else ""
        super().__init__(f'{name}:\nExitCode {exit_code}\nErrorMessage "{message}"{extra}\nCommand "{command}"')
        self.exit_code = exit_code

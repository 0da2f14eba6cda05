"""Host names of a job, for scripts that wait for the other hosts before they train."""
import json
import os
import socket


def _wait_hostname_resolution():
    """Resolves the name of every other host of the job; raises OSError for one that has no address."""
    current = os.environ.get("SM_CURRENT_HOST")
    for host in json.loads(os.environ.get("SM_HOSTS", "[]")):
        if host != current:
            socket.gethostbyname(host)

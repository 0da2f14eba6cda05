"""Records which AWS operations a client program got answered; see ../proof.ts. Python imports this by its name at the start."""
import atexit
import os

PROOF_FILE = os.environ.get("SLIPWAY_PROOF_FILE")
PROOF_TEST = os.environ.get("SLIPWAY_PROOF_TEST", "")


def _record(botocore_client):
    answered = set()
    make_api_call = botocore_client.BaseClient._make_api_call

    def recording(self, operation_name, api_params):
        answer = make_api_call(self, operation_name, api_params)
        answered.add(f"{self.meta.service_model.service_name}:{operation_name}")
        return answer

    botocore_client.BaseClient._make_api_call = recording

    @atexit.register
    def _write():
        with open(PROOF_FILE, "a", encoding="utf-8") as file:
            file.writelines(f"{operation}\t{PROOF_TEST}\n" for operation in sorted(answered))


if PROOF_FILE:
    try:
        import botocore.client as _client
    except ImportError:
        _client = None  # a Python without the SDK has nothing to record
    if _client is not None:
        _record(_client)

"""`serve`: loads the model, then listens. A model that cannot be loaded ends the process, so that the endpoint says why at once."""
import asyncio
import logging
import os
import sys
import traceback

# Before numpy and xgboost are imported: threads of one small prediction cost more than they give.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from .faults import UserError
from .http_server import Server
from .image_profile import ImageProfile
from .job_files import JobFiles


def main():
    """Runs the model server until it is told to stop; the exit code of the process."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="[%(asctime)s:%(levelname)s] %(message)s", datefmt="%Y-%m-%d:%H:%M:%S")
    profile = ImageProfile.of_environment()
    try:
        application = load(profile, JobFiles())
    except UserError as error:
        print(f"the model cannot be loaded: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception:  # noqa: BLE001 - user code loads the model
        traceback.print_exc()
        return 1
    server = Server(application, body_bytes_max(), access_log=os.environ.get("SLIPWAY_SERVE_ACCESS_LOG") == "1")
    socket_path = os.environ.get("SLIPWAY_SERVE_SOCKET")
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    asyncio.run(server.run(socket_path, port, ready=lambda address: print(f"model loaded, listening on {address}", flush=True)))
    return 0


def load(profile, files):
    """The application behind `/invocations`: the user's script when one is named, else the built-in model."""
    if os.environ.get("SAGEMAKER_MULTI_MODEL") == "true":
        from .multi_model import MultiModelApplication

        memory_mib = int(os.environ.get("SLIPWAY_SERVE_MEMORY_MIB") or 0)
        return MultiModelApplication(lambda folder, name: load_model(profile, files.with_model(folder), name), memory_mib * 1024**2)
    return load_model(profile, files)


def load_model(profile, files, name=None):
    """The application of the model in `files.model`. `name`: it is one of many, whose modules must not be taken for each other's."""
    program, source = os.environ.get("SAGEMAKER_PROGRAM"), os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
    if profile.framework == "xgboost" and not program:
        from .xgboost_scoring import XgboostApplication

        return XgboostApplication(profile, files.model, body_bytes_max())
    from .script_scoring import load_application

    return load_application(files, profile.framework, program, source, name)


def body_bytes_max():
    """Largest accepted body: 6 MiB, or what the platform or user set; 0 is no limit, which batch transform keeps to 100 MiB."""
    if os.environ.get("MAX_CONTENT_LENGTH"):
        return int(os.environ["MAX_CONTENT_LENGTH"])
    return (int(os.environ.get("SAGEMAKER_MAX_PAYLOAD_IN_MB") or 6) or 100) * 1024**2

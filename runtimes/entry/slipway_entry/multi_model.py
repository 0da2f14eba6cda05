"""Many models behind one server (`SAGEMAKER_MULTI_MODEL`): the platform has them loaded, asked and unloaded by name."""
import json
import os
import re
import traceback

from .faults import UserError
from .http_server import Response

NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
#: A model takes more in memory than its files on the disk.
MEMORY_PER_FILE_BYTE = 2
#: What is left for answering, of the memory there is.
MEMORY_SHARE_MAX = 0.85


class MultiModelApplication:
    """`load(folder, name)` gives the application of one model: an object with `invoke(request)`. Raises UserError for what is no model."""

    def __init__(self, load, memory_bytes_max=None):
        self.load = load
        self.memory_bytes_max = memory_bytes_max
        self.models = {}

    def ping(self):
        return Response(200)

    def execution_parameters(self):
        return Response(404)

    def invoke(self, request):
        return _text(400, "This server has many models: POST /models/NAME/invoke.")

    def manage(self, request):
        """Every path below `/models`; None elsewhere."""
        parts = request.path.strip("/").split("/")
        if parts[0] != "models" or len(parts) > 3 or (len(parts) == 3 and parts[2] != "invoke"):
            return None
        if len(parts) == 1:
            return self._collection(request)
        entry = self.models.get(parts[1])
        if entry is None:
            return _text(404, f"Model {parts[1][:200]} is not loaded.")
        if len(parts) == 3:
            return entry["application"].invoke(request) if request.method == "POST" else Response(405, headers={"Allow": "POST"})
        if request.method == "DELETE":
            del self.models[parts[1]]
            return _json({"status": f"Model {parts[1]} unloaded"})
        return _json([_described(parts[1], entry)]) if request.method == "GET" else Response(405, headers={"Allow": "GET, DELETE"})

    def _collection(self, request):
        if request.method == "GET":
            return _json({"models": [_described(name, entry) for name, entry in self.models.items()]})
        if request.method != "POST":
            return Response(405, headers={"Allow": "GET, POST"})
        try:
            asked = json.loads(request.body)
            name, folder = asked["model_name"], asked["url"]
        except (ValueError, KeyError, TypeError):
            return _text(400, "The body has to be JSON with model_name and url.")
        if not isinstance(name, str) or not NAME.fullmatch(name) or not isinstance(folder, str):
            return _text(400, "model_name has to be 1 to 200 letters, digits, dots, hyphens and underscores, and url a folder.")
        if name in self.models:
            return _text(409, f"Model {name} is loaded already.")
        return self._load(name, folder)

    def _load(self, name, folder):
        if not os.path.isdir(folder):
            return _text(404, f"There is no folder {folder}.")
        if self.models and not self._has_room(folder):
            return _text(507, f"There is no memory for model {name} beside the {len(self.models)} that are loaded.")
        try:
            self.models[name] = {"application": self.load(folder, name), "url": folder}
        except MemoryError:
            return _text(507, f"Model {name} does not fit into memory.")
        except UserError as error:
            return _text(500, f"Model {name} cannot be loaded: {error}")
        except Exception as error:  # noqa: BLE001 - user code loads the model
            traceback.print_exc()
            return _text(500, f"Model {name} cannot be loaded: {type(error).__name__}: {error}")
        return _json({"status": f"Model {name} loaded"})

    def _has_room(self, folder):
        """Killed for want of memory all models would be gone: one too many is refused before it is loaded."""
        if not self.memory_bytes_max:
            return True
        size = sum(os.path.getsize(os.path.join(where, file)) for where, _, files in os.walk(folder) for file in files)
        return resident_bytes() + size * MEMORY_PER_FILE_BYTE <= self.memory_bytes_max * MEMORY_SHARE_MAX


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _described(name, entry):
    return {"modelName": name, "modelUrl": entry["url"]}


def _json(value):
    return Response(200, json.dumps(value).encode(), "application/json")


def _text(status, message):
    return Response(status, message.encode(), "text/plain; charset=utf-8")

"""Script-mode model servers: the user's `model_fn`, `input_fn`, `predict_fn`, `output_fn` or `transform_fn`."""
import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator

from . import codecs
from .archives import fetch_source
from .faults import UserError
from .http_server import Response

DEFAULT_MODULE = "inference"


def locate_code(files, program, source):
    """The folder with the user's code and the module's name: the named source, else `model/code`, else `code`."""
    inside = os.path.join(files.model, "code")
    if source and source.startswith("s3://"):
        fetch_source(source, files.code)
        folder = files.code
    elif source and os.path.isdir(source):
        folder = source
    else:
        folder = inside if os.path.isdir(inside) else files.code
    module = program or f"{DEFAULT_MODULE}.py"
    if not os.path.isfile(os.path.join(folder, module if module.endswith(".py") else f"{module}.py")):
        raise UserError(f"The model server's program {module} is not in {folder}. Put it into code/ of model.tar.gz or set SAGEMAKER_PROGRAM.")
    return folder, module[:-3] if module.endswith(".py") else module


def install_requirements(folder):
    if not os.path.isfile(os.path.join(folder, "requirements.txt")):
        return
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-r", "requirements.txt"], cwd=folder, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise UserError(f"requirements.txt of the model's code cannot be installed (pip ended with exit code {done.returncode}, see above)")
    importlib.invalidate_caches()


class Context:
    """What handlers that take one argument more get: the request's headers, and a say over the answer."""

    def __init__(self, model_folder, headers):
        self.system_properties = {"model_dir": model_folder, "gpu_id": None}
        self.request_processor = [self]
        self._headers = headers
        self.status, self.content_type, self.headers = None, None, {}

    def get_request_properties(self):
        return dict(self._headers)

    def get_all_request_header(self, index=0):
        return dict(self._headers)

    def get_request_header(self, index, name):
        return self._headers.get(name.lower())

    def set_response_status(self, code=200, phrase="", idx=0):
        self.status = code

    def set_response_content_type(self, index, value):
        self.content_type = value

    def set_response_header(self, index, name, value):
        self.headers[name] = value


class ScriptApplication:
    """Loads the user's module and model, then answers requests with their functions and the framework's defaults."""

    def __init__(self, files, module, defaults):
        self.files = files
        self.module = module
        self.transform = getattr(module, "transform_fn", None)
        parts = {name: getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")}
        if self.transform and any(parts.values()):
            raise UserError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
        self.parts = {name: part or defaults[name] for name, part in parts.items()}
        if not hasattr(module, "model_fn") and "model_fn" not in defaults:
            raise UserError("Please provide a model_fn implementation: model_fn(model_dir) loads the model and returns it.")
        self.default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or codecs.JSON
        model_fn = getattr(module, "model_fn", None) or defaults["model_fn"]
        context = Context(files.model, {})
        if hasattr(module, "pre_model_fn"):
            _call(module.pre_model_fn, (files.model,), context)
        self.model = _call(model_fn, (files.model,), context)
        if hasattr(module, "model_warmup_fn"):
            _call(module.model_warmup_fn, (files.model, self.model), context)

    def ping(self):
        return Response(200)

    def execution_parameters(self):
        provided = getattr(self.module, "execution_parameters_fn", None)
        if provided is None:
            return Response(404)
        return Response(200, json.dumps(provided()).encode(), codecs.JSON)

    def invoke(self, request):
        content_type = request.headers.get("content-type") or codecs.JSON
        accept = request.headers.get("accept") or self.default_accept
        accept = self.default_accept if accept == "*/*" else accept
        context = Context(self.files.model, request.headers)
        try:
            body = _text_or_bytes(request.body, content_type)
            if self.transform:
                result = _call(self.transform, (self.model, body, content_type, accept), context)
            else:
                result = self._chain(body, content_type, accept, context)
            return _to_response(result, accept, context)
        except Refusal as refusal:
            return Response(refusal.status, str(refusal).encode(), "text/plain; charset=utf-8")
        except Exception as error:  # noqa: BLE001 - user code may raise anything; the traceback belongs to the log
            traceback.print_exc()
            return Response(500, f"{type(error).__name__}: {error}".encode(), "text/plain; charset=utf-8")

    def _chain(self, body, content_type, accept, context):
        try:
            data = _call(self.parts["input_fn"], (body, content_type), context)
        except codecs.UnsupportedFormat as error:
            raise Refusal(415, error) from error
        prediction = _call(self.parts["predict_fn"], (data, self.model), context)
        if isinstance(prediction, Iterator) and not hasattr(self.module, "output_fn"):
            return prediction
        try:
            return _call(self.parts["output_fn"], (prediction, accept), context)
        except codecs.UnsupportedFormat as error:
            raise Refusal(406, error) from error


class Refusal(Exception):
    def __init__(self, status, error):
        super().__init__(str(error))
        self.status = status


def _call(function, arguments, context):
    """Calls a handler with the arguments of its contract, and the context when it takes one more."""
    try:
        count = len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        count = len(arguments)
    if count == len(arguments) + 1:
        return function(*arguments, context)
    if count != len(arguments):
        raise TypeError(f"{function.__name__} takes {count} arguments but {len(arguments)} were given.")
    return function(*arguments)


def _text_or_bytes(body, content_type):
    kind = codecs.bare(content_type)
    return body.decode("utf-8") if kind.startswith("text/") or kind == codecs.JSON else body


def _to_response(result, accept, context):
    content_type = context.content_type or accept
    if hasattr(result, "as_answer"):  # of sagemaker_containers.beta.framework.worker
        result, own_type, status = result.as_answer()
        content_type, context.status = own_type or content_type, context.status or status
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result[0], result[1] or content_type
    if isinstance(result, Iterator):
        return Response(context.status or 200, content_type=content_type, headers=context.headers, parts=_parts(result))
    if isinstance(result, str):
        result = result.encode()
    elif not isinstance(result, (bytes, bytearray)):
        try:
            result = codecs.encode(result, content_type)
        except codecs.UnsupportedFormat as error:
            raise Refusal(406, error) from error
    return Response(context.status or 200, bytes(result), content_type, context.headers)


def _parts(result):
    """The parts of a streamed answer: bytes as they are, text as UTF-8, anything else as a line of JSON."""
    try:
        for part in result:
            if isinstance(part, str):
                yield part.encode()
            else:
                yield bytes(part) if isinstance(part, (bytes, bytearray)) else json.dumps(part).encode() + b"\n"
    finally:
        if hasattr(result, "close"):
            result.close()


def scikit_learn_defaults():
    """Defaults of the scikit-learn image: rows as a 2-D array, `model.predict`."""
    import numpy as np

    def input_fn(body, content_type):
        array = codecs.decode(body, content_type)
        if getattr(array, "ndim", 2) == 1:
            array = array.reshape(1, -1)
        return array.astype(np.float32) if codecs.bare(content_type) in (codecs.JSON, codecs.CSV) else array

    return {"input_fn": input_fn, "predict_fn": lambda data, model: model.predict(data), "output_fn": codecs.encode_with_type}


def xgboost_defaults():
    """Defaults of the XGBoost image in script mode: a DMatrix, the Booster's `predict`."""

    def input_fn(body, content_type):
        from .xgboost_scoring import parse_matrix

        return parse_matrix(body if isinstance(body, str) else body.decode("utf-8"), content_type)

    return {
        "input_fn": input_fn,
        "predict_fn": lambda data, model: model.predict(data, validate_features=False),
        "output_fn": codecs.encode_with_type,
    }


def load_application(files, framework, program, source, name=None):
    folder, module_name = locate_code(files, program, source)
    install_requirements(folder)
    sys.path.insert(0, folder)
    # Of many models each has code of its own under the same file name, unless a source names one for all.
    own = name is not None and folder.startswith(files.model)
    module = _module_of(folder, module_name, f"{module_name}_{name}") if own else importlib.import_module(module_name)
    defaults = xgboost_defaults() if framework == "xgboost" else scikit_learn_defaults()
    return ScriptApplication(files, module, defaults)


def _module_of(folder, module_name, unique_name):
    path = os.path.join(folder, f"{module_name}.py")
    spec = importlib.util.spec_from_file_location(unique_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique_name] = module
    spec.loader.exec_module(module)
    return module

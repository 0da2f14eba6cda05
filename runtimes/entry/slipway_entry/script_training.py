"""Script mode: the user's own program, prepared and run as AWS's training toolkit does."""
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque

from .archives import fetch_source
from .faults import ScriptError, UserError

ENTRY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: What of the script's error output is kept for the failure text; FailureReason shows 1024 characters.
KEPT_LINES = 60


def run_script(environment):
    """Fetches the source, installs its requirements and runs it to its end. Raises ScriptError when it fails."""
    files, program = environment.files, environment.program
    _refuse_launchers(environment.framework)
    fetch_source(environment.source, files.code)
    if not os.path.isfile(os.path.join(files.code, program)) and not _is_package(files.code):
        raise UserError(f"sagemaker_program {program} is not in the source folder; it has: {_listing(files.code)}")
    os.makedirs(files.model, exist_ok=True)
    os.makedirs(files.output_data, exist_ok=True)
    variables = dict(os.environ, **environment.variables())
    # After the user's own code: the modules of AWS's images that scripts import (sagemaker_xgboost_container, sagemaker_containers).
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [files.code, os.environ.get("PYTHONPATH"), ENTRY]))
    install_source(files.code, program, variables)
    command = _command(files.code, program, environment.arguments)
    print(f"Invoking script with the following command: {' '.join(command)}", flush=True)
    run_process(command, "ExecuteUserScriptError", files.code, variables)


#: Hyperparameters by which the SageMaker SDK asks for a launcher around the script.
LAUNCHERS = {
    "sagemaker_mpi_enabled": "MPI", "sagemaker_parameter_server_enabled": "a parameter server", "sagemaker_pytorch_ddp_enabled": "PyTorch DDP",
    "sagemaker_pytorch_xla_enabled": "PyTorch XLA", "sagemaker_torch_distributed_enabled": "torchrun",
    "sagemaker_distributed_dataparallel_enabled": "smdistributed",
}


def _refuse_launchers(parameters):
    """A script that is simply run on each host would train as many models as there are hosts, and nobody would notice."""
    for name, launcher in LAUNCHERS.items():
        if parameters.get(name) is True:
            raise UserError(
                f"Hyperparameter {name}: starting the script by {launcher} is not supported yet. Remove the distribution; the script "
                "then runs on every host and finds the others in SM_HOSTS.")


def install_source(code, program, variables):
    """`pip install` of a package or of requirements.txt, into the job's own site-packages."""
    requirements = os.path.isfile(os.path.join(code, "requirements.txt"))
    if _is_package(code):
        command = [sys.executable, "-m", "pip", "install", "."] + (["-r", "requirements.txt"] if requirements else [])
        run_process(command, "InstallModuleError", code, variables)
    elif requirements and program.endswith(".py"):
        command = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        run_process(command, "InstallRequirementsError", code, variables)


def _is_package(code):
    return os.path.isfile(os.path.join(code, "setup.py"))


def _listing(code):
    names = sorted(os.listdir(code)) if os.path.isdir(code) else []
    return ", ".join(names[:20]) or "nothing"


def _command(code, program, arguments):
    if program.endswith(".py") and _is_package(code):
        return [sys.executable, "-m", program[:-3].replace("/", "."), *arguments]
    if program.endswith(".py"):
        return [sys.executable, program, *arguments]
    path = os.path.join(code, program)
    os.chmod(path, 0o755)
    return ["/bin/sh", "-c", 'exec "$0" "$@"', f"./{program}", *arguments]


def run_process(command, error_name, folder, variables):
    """Runs a process, its output passed through line by line, SIGTERM passed on to it."""
    process = subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE)
    previous = signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    kept = deque(maxlen=KEPT_LINES)
    copier = threading.Thread(target=_copy_lines, args=(process.stderr, kept), daemon=True)
    copier.start()
    try:
        exit_code = process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    # A grandchild may hold the pipe open for longer than the job lives: what it still says is not waited for.
    copier.join(timeout=5)
    if exit_code != 0:
        raise ScriptError(error_name, exit_code, error_summary(list(kept)), " ".join(command))


def _copy_lines(stream, kept):
    for line in stream:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        kept.append(line.decode("utf-8", "replace").rstrip("\n"))


def error_summary(lines):
    """The lines that say why: from the first that names an error after the last traceback began, else the last ones."""
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].startswith("Traceback (most recent call last)"):
            lines = lines[index + 1:]
            break
    for index, line in enumerate(lines):
        if re.search(r"\b\w*(Error|Exception|Interrupt|Exit|Warning)\b", line) or line.lstrip().startswith("raise "):
            return "\n ".join(part.strip() for part in lines[index:] if part.strip())
    return "\n ".join(part.strip() for part in lines[-5:] if part.strip())

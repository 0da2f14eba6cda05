"""Notebook jobs, as the SDK's NotebookJobStep asks for them: a notebook of the input channel is run, parameters put in, and kept with its outputs.

The environment says what: SM_EXECUTION_INPUT_PATH, SM_INPUT_NOTEBOOK_NAME, SM_OUTPUT_NOTEBOOK_NAME, SM_KERNEL_NAME and SM_INIT_SCRIPT. The
notebook runs in a copy of the input folder; the result goes into the model and the output archive of the job, also when a cell fails.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from .faults import UserError
from .job_files import JobFiles


def main():
    """Runs the notebook; the exit code of the process. `output/failure` says why when it is not 0."""
    files = JobFiles()
    try:
        run_notebook(files, os.environ)
        return 0
    except UserError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must say so
        reason = f"{type(error).__name__}: {error}"
    print(reason, file=sys.stderr, flush=True)
    files.write_failure(reason)
    return 1


def run_notebook(files, environment):
    import nbformat

    source = pathlib.Path(_named(environment, "SM_EXECUTION_INPUT_PATH"))
    name = _named(environment, "SM_INPUT_NOTEBOOK_NAME")
    if not (source / name).is_file():
        raise UserError(f"The notebook {name} is not in the input of the job ({', '.join(sorted(os.listdir(source)))}).")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="notebook-")) / "work"
    shutil.copytree(source, folder)
    notebook = nbformat.read(folder / name, as_version=4)
    inject(notebook, files.read_config("hyperparameters.json", {}))
    if environment.get("SM_INIT_SCRIPT"):
        script = environment["SM_INIT_SCRIPT"]
        print(f"running {script}", flush=True)
        if subprocess.run(["bash", str(folder / script)], cwd=folder, check=False).returncode != 0:
            raise UserError(f"The initialization script {script} failed; the notebook was not run.")
    try:
        execute(notebook, folder, environment.get("SM_KERNEL_NAME", "python3"))
    finally:
        output = environment.get("SM_OUTPUT_NOTEBOOK_NAME") or name
        for place in (files.model, files.output_data):
            os.makedirs(place, exist_ok=True)
            nbformat.write(notebook, pathlib.Path(place) / output)


def _named(environment, variable):
    value = environment.get(variable)
    if not value:
        raise UserError(f"The environment variable {variable} is missing; a notebook job sets it.")
    return value


def inject(notebook, parameters):
    """A cell behind the one tagged `parameters`, or at the top, gives the job's parameters their values."""
    from nbformat.v4 import new_code_cell

    if not parameters:
        return
    code = "\n".join(f"{name} = {value!r}" for name, value in sorted(parameters.items()))
    cell = new_code_cell(f"# Parameters\n{code}\n", metadata={"tags": ["injected-parameters"]})
    tagged = [index for index, one in enumerate(notebook.cells) if "parameters" in one.metadata.get("tags", [])]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, cell)


def execute(notebook, folder, kernel):
    """Prints what cells print. Throws UserError that names the cell that failed."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    if kernel != "python3":
        print(f"There is no kernel {kernel} here; the notebook runs on the job's own Python.", flush=True)
    class FileKernelManager(AsyncKernelManager):
        """Speaks through files instead of ports: works without a network, and nobody else can connect."""

        def __init__(self, **settings):
            super().__init__(**{**settings, "transport": "ipc", "ip": str(folder.parent / "kernel")})

    client = NotebookClient(
        notebook, kernel_name="python3", kernel_manager_class=FileKernelManager, timeout=None,
        resources={"metadata": {"path": str(folder)}}, on_cell_executed=_print_outputs,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        index = next(
            (at for at, cell in enumerate(notebook.cells) if any(one.output_type == "error" for one in cell.get("outputs", []))), 0
        )
        raise UserError(f"Cell {index + 1} of the notebook failed: {error.ename}: {error.evalue}") from error


def _print_outputs(cell, cell_index, execute_reply):  # noqa: ARG001 - names are nbclient's
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            print(output.text, end="", flush=True)
        elif output.output_type == "error":
            print("\n".join(output.traceback), flush=True)
        elif "text/plain" in output.get("data", {}):
            print(output.data["text/plain"], flush=True)

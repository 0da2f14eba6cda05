"""`train`: chooses script mode or the built-in algorithm, and reports failure the way the platform expects."""
import logging
import sys
import traceback

from .faults import AlgorithmError, ScriptError, UserError
from .image_profile import ImageProfile
from .job_files import JobFiles
from .training_environment import TrainingEnvironment


def main():
    """Runs the job; the exit code of the process. `output/failure` says why when it is not 0."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="[%(asctime)s:%(levelname)s] %(message)s", datefmt="%Y-%m-%d:%H:%M:%S")
    profile = ImageProfile.of_environment()
    files = JobFiles()
    try:
        train(profile, TrainingEnvironment(files))
        return 0
    except ScriptError as error:
        return _fail(files, str(error), str(error))
    except (UserError, AlgorithmError) as error:
        return _fail(files, f"framework error: \n{error}", traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must say so
        return _fail(files, f"framework error: \n{type(error).__name__}: {error}", traceback.format_exc())


def train(profile, environment):
    if environment.program:
        from .script_training import run_script

        run_script(environment)
    elif profile.framework == "xgboost":
        from .xgboost_training import run_algorithm

        run_algorithm(profile, environment)
    else:
        raise UserError(
            "This image runs a script, and the job names none. Set the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory (the SageMaker SDK does so from entry_point and source_dir)."
        )


def _fail(files, reason, detail):
    print(detail, file=sys.stderr, flush=True)
    try:
        files.write_failure(reason)
    except OSError as error:
        print(f"the failure file cannot be written: {error}", file=sys.stderr, flush=True)
    return 1

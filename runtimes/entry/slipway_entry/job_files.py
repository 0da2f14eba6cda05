"""The `/opt/ml` tree of a job: where its files are, and reading and writing the small ones."""
import copy
import json
import os


class JobFiles:
    """Paths below the base folder, `/opt/ml` or `SAGEMAKER_BASE_DIR`."""

    def __init__(self, base=None):
        self.base = base or os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"
        self.code = os.path.join(self.base, "code")
        self.model = os.path.join(self.base, "model")
        self.input = os.path.join(self.base, "input")
        self.config = os.path.join(self.input, "config")
        self.output = os.path.join(self.base, "output")
        self.output_data = os.path.join(self.output, "data")
        self.output_intermediate = os.path.join(self.output, "intermediate")

    def with_model(self, folder):
        """The same tree, with the model elsewhere."""
        other = copy.copy(self)
        other.model = folder
        return other

    def channel(self, name):
        return os.path.join(self.input, "data", name)

    def read_config(self, name, default=None):
        """A JSON file of `input/config`; `default` when it is absent and a default is given."""
        path = os.path.join(self.config, name)
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            if default is None:
                raise
            return default

    def write_failure(self, text):
        """`output/failure`: the platform shows its first 1024 characters as FailureReason."""
        os.makedirs(self.output, exist_ok=True)
        with open(os.path.join(self.output, "failure"), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)

"""Where the files of a job or model server are."""
import os

_BASE = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"
code_dir = os.path.join(_BASE, "code")
model_dir = os.path.join(_BASE, "model")
input_dir = os.path.join(_BASE, "input")
output_dir = os.path.join(_BASE, "output")
output_data_dir = os.path.join(output_dir, "data")

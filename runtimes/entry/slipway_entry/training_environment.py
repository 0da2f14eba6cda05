"""What a training job is told: hyperparameters decoded, `SM_*` variables and the script's arguments.

Forms follow AWS's training toolkit: values JSON-decoded one by one, sorted arguments, names upper-cased and otherwise kept.
"""
import json
import os

#: Hyperparameters that speak to the platform and are not passed to the script.
PLATFORM_HYPERPARAMETERS = {
    "sagemaker_program", "sagemaker_submit_directory", "sagemaker_container_log_level", "sagemaker_job_name",
    "sagemaker_region", "sagemaker_s3_output", "sagemaker_enable_cloudwatch_metrics", "_tuning_objective_metric",
}
#: Environment twins, for jobs that name their script there.
TWINS = {
    "sagemaker_program": "SAGEMAKER_PROGRAM", "sagemaker_submit_directory": "SAGEMAKER_SUBMIT_DIRECTORY",
    "sagemaker_container_log_level": "SAGEMAKER_CONTAINER_LOG_LEVEL", "sagemaker_region": "SAGEMAKER_REGION",
}


def decode_hyperparameters(raw):
    """Each value parsed as JSON; one that is none is kept as it is (`reg:linear`)."""
    decoded = {}
    for name, value in raw.items():
        try:
            decoded[name] = json.loads(value)
        except (ValueError, TypeError):
            decoded[name] = value
    return decoded


def to_arguments(hyperparameters):
    """`--name value` by sorted name, `-n value` for one letter; mappings as `k=v,k=v`."""
    arguments = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        arguments.append(f"--{name}" if len(name) > 1 else f"-{name}")
        if isinstance(value, dict):
            arguments.append(",".join(f"{key}={item}" for key, item in sorted(value.items())))
        else:
            arguments.append("" if value is None else str(value))
    return arguments


def to_variables(values):
    """`SM_<NAME>`: text as it is, nothing as empty, anything else as compact JSON with sorted keys."""
    variables = {}
    for name, value in values.items():
        if value is None:
            text = ""
        elif isinstance(value, str):
            text = value
        else:
            text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        variables[f"SM_{name.upper()}"] = text
    return variables


class TrainingEnvironment:
    def __init__(self, files):
        self.files = files
        self.resources = files.read_config("resourceconfig.json", {})
        self.channels = files.read_config("inputdataconfig.json", {})
        self.raw_hyperparameters = files.read_config("hyperparameters.json", {})
        decoded = decode_hyperparameters(self.raw_hyperparameters)
        self.platform = {name: decoded[name] for name in decoded if name in PLATFORM_HYPERPARAMETERS}
        for name, variable in TWINS.items():
            if os.environ.get(variable):
                self.platform.setdefault(name, os.environ[variable])
        self.framework = {
            name: value for name, value in decoded.items() if name.startswith("sagemaker_") and name not in PLATFORM_HYPERPARAMETERS
        }
        self.hyperparameters = {
            name: value for name, value in decoded.items() if name not in self.platform and name not in self.framework
        }
        self.hosts = self.resources.get("hosts") or ["algo-1"]
        self.current_host = self.resources.get("current_host") or self.hosts[0]

    @property
    def program(self):
        """The user's script, or None when the job runs the built-in algorithm."""
        program = self.platform.get("sagemaker_program")
        return str(program) if program else None

    @property
    def source(self):
        return str(self.platform.get("sagemaker_submit_directory") or self.files.code)

    @property
    def arguments(self):
        return to_arguments(self.hyperparameters)

    def variables(self):
        """All `SM_*` variables of the script."""
        values = self._values()
        values["training_env"] = dict(values, hyperparameters=self.hyperparameters, is_master=self.current_host == self.hosts[0])
        values.update({f"channel_{name}": self.files.channel(name) for name in self.channels})
        values.update({f"hp_{name}": value for name, value in self.hyperparameters.items()})
        return to_variables(values)

    def _values(self):
        files, resources = self.files, self.resources
        program = self.program or ""
        group = resources.get("current_group_name", "homogeneousCluster")
        groups = resources.get("instance_groups") or []
        by_name = {entry["instance_group_name"]: entry for entry in groups}
        return {
            "hosts": self.hosts,
            "current_host": self.current_host,
            "network_interface_name": resources.get("network_interface_name", "eth0"),
            "resource_config": resources,
            "input_data_config": self.channels,
            "channels": sorted(self.channels),
            "hps": self.hyperparameters,
            "framework_params": self.framework,
            "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
            "user_entry_point": program,
            "user_args": self.arguments,
            "module_name": program[:-3] if program.endswith(".py") else program,
            "module_dir": self.source,
            "log_level": self.platform.get("sagemaker_container_log_level", 20),
            "input_dir": files.input,
            "input_config_dir": files.config,
            "model_dir": files.model,
            "output_dir": files.output,
            "output_data_dir": files.output_data,
            "output_intermediate_dir": files.output_intermediate,
            "num_cpus": len(os.sched_getaffinity(0)),
            "num_gpus": 0,
            "num_neurons": 0,
            "current_instance_type": resources.get("current_instance_type", "local"),
            "current_instance_group": group,
            "current_instance_group_hosts": by_name.get(group, {}).get("hosts", []),
            "instance_groups": list(by_name),
            "instance_groups_dict": by_name,
            "distribution_instance_groups": self.framework.get("sagemaker_distribution_instance_groups", []),
            "is_hetero": len(groups) > 1,
        }

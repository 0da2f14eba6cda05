"""Training on several hosts from a script, as AWS's image offers it."""
from slipway_entry.xgboost_cluster import MEETING_PORT, run_on_members


def rabit_run(exec_fun, args, include_in_training, hosts, current_host, first_port=None, second_port=None, max_connect_attempts=None, connect_retry_timeout=3, update_rabit_args=False):
    """Calls `exec_fun(**args)` on every host that is included, joined to xgboost's communicator; with `update_rabit_args` it is
    told `is_master`. `first_port` is where hosts meet; how often and for how long connecting is tried is not the caller's to say."""
    def call(is_master, **arguments):
        exec_fun(**dict(arguments, **({"is_master": is_master} if update_rabit_args else {})))

    if len(hosts) > 1:
        run_on_members(call, args, include_in_training, sorted(hosts), current_host, first_port or MEETING_PORT)
    elif include_in_training:
        call(True, **args)

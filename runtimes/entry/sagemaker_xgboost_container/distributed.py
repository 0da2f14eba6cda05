"""Training on several hosts, which jobs do not have yet; on one host the function is simply called."""
from slipway_entry.faults import UserError


def rabit_run(exec_fun, args, include_in_training, hosts, current_host, first_port=None, second_port=None, max_connect_attempts=None, connect_retry_timeout=3, update_rabit_args=False):
    """Calls `exec_fun(**args)` as the only host; with `update_rabit_args` it is told `is_master=True`."""
    if len(hosts) > 1:
        raise UserError(f"Training on several hosts ({', '.join(hosts)}) is not supported yet. Use one instance.")
    if include_in_training:
        exec_fun(**dict(args, **({"is_master": True} if update_rabit_args else {})))

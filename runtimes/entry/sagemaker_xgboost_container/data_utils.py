"""Channels as XGBoost scripts read them."""
from slipway_entry.faults import UserError
from slipway_entry.xgboost_data import content_family, read_channel


def get_dmatrix(data_path, content_type, csv_weights=0, is_pipe=False):
    """The files under a path as a DMatrix, label first; None when there is no data. Raises UserError for what cannot be read."""
    import numpy as np
    import xgboost

    family = content_family(content_type)
    if is_pipe and family not in ("csv", "recordio-protobuf"):
        raise UserError(f"Pipe mode is not supported for {family} data. Please use Fast File mode instead.")
    table = read_channel(f"{data_path}_0" if is_pipe else data_path, family, csv_weights)
    if table is None:
        return None
    return xgboost.DMatrix(table.features, label=table.labels, weight=table.weights, missing=np.nan)

"""Channels as XGBoost scripts read them."""
from slipway_entry.faults import UserError
from slipway_entry.xgboost_data import content_family, read_channel


def get_dmatrix(data_path, content_type, csv_weights=0, is_pipe=False):
    """The files under a path as a DMatrix, label first; None when there is no data. Raises UserError for what cannot be read."""
    import numpy as np
    import xgboost

    if is_pipe:
        raise UserError("Pipe mode is not supported yet. Use input mode File.")
    family = content_family(content_type)
    if family not in ("csv", "libsvm"):
        raise UserError(f"Content type {content_type} is not supported yet. Use text/csv or text/libsvm.")
    table = read_channel(data_path, family, csv_weights)
    if table is None:
        return None
    return xgboost.DMatrix(table.features, label=table.labels, weight=table.weights, missing=np.nan)

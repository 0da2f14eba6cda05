"""What XGBoost scripts import from the AWS image: reading channels and requests into a DMatrix. Not on any package index."""

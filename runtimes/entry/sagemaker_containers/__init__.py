"""What XGBoost scripts import from AWS's container toolkit, as far as one host needs it."""

"""What scripts written for AWS's scikit-learn and XGBoost images import from the old container toolkit.

`content_types`, `encoders`, `env` and `worker` are there in the part that scripts use; `modules` and `transformer` drove the toolkit's own
server and can be imported, but hold nothing: a name looked up in them says so.
"""

"""The SageMaker SDK with several hosts: a script under rabit_run with sharded data and checkpoints, a processing job that shares its files."""
import pathlib
import tempfile

import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.xgboost import XGBoost

TRAIN = '''
import json, os
import xgboost as xgb
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
entry_point._wait_hostname_resolution()
train = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "csv")
print("host %s of %d has %d rows" % (me, len(hosts), train.num_row()))

def fit(is_master, rounds):
    seen = {}
    booster = xgb.train({"objective": "reg:squarederror"}, train, rounds, evals=[(train, "train")], evals_result=seen, verbose_eval=False)
    if is_master:
        print("rmse=%f" % seen["train"]["rmse"][-1])
        booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
        open("/opt/ml/checkpoints/rounds", "w").write(str(rounds))

distributed.rabit_run(exec_fun=fit, args={"rounds": 10}, include_in_training=train is not None, hosts=hosts, current_host=me, update_rabit_args=True)
'''
SPLIT = '''
import json, os
me = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
open("/opt/ml/processing/out/" + me, "w").write(",".join(sorted(os.listdir("/opt/ml/processing/in"))))
'''

role = "arn:aws:iam::123456789012:role/DataScientists"
session = sagemaker.Session()
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for part in range(2):
        rows = ["%d,%d,%d\n" % (3 * n + part, n, part) for n in range(100)]
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / f"part-{part}.csv").write_text("".join(rows))
    data = session.upload_data(str(folder / "data"), key_prefix="sums/parts")
    (folder / "train.py").write_text(TRAIN)
    (folder / "split.py").write_text(SPLIT)
    bucket = session.default_bucket()

    estimator = XGBoost(
        entry_point="train.py", source_dir=name, framework_version="1.7-1", role=role, instance_count=2, instance_type="ml.m5.large",
        sagemaker_session=session, base_job_name="hosts", checkpoint_s3_uri=f"s3://{bucket}/kept", max_retry_attempts=2,
        metric_definitions=[{"Name": "rmse", "Regex": r"rmse=(\S+)"}])
    estimator.fit({"train": TrainingInput(data, distribution="ShardedByS3Key", content_type="text/csv", input_mode="FastFile")}, logs="All")
    job = session.describe_training_job(estimator.latest_training_job.name)
    assert job["FinalMetricDataList"][0]["Value"] < 20, job["FinalMetricDataList"]
    assert session.read_s3_file(bucket, "kept/rounds") == "10"

    processor = ScriptProcessor(
        image_uri=estimator.training_image_uri(), command=["python3"], role=role, instance_type="ml.m5.large", instance_count=2,
        sagemaker_session=session, base_job_name="split")
    processor.run(
        code=str(folder / "split.py"),
        inputs=[ProcessingInput(data, "/opt/ml/processing/in", s3_data_distribution_type="ShardedByS3Key")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=f"s3://{bucket}/split", s3_upload_mode="Continuous")], logs=False)
    for number in (1, 2):
        assert session.read_s3_file(bucket, f"split/algo-{number}") == f"part-{number - 1}.csv"

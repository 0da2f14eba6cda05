"""The Transformer of the SageMaker SDK 2.x, as in a notebook: fit, transform with the log shown, join, read the result back."""
import pathlib
import random
import tempfile

import sagemaker
from sagemaker.inputs import BatchDataCaptureConfig, TrainingInput
from sagemaker.sklearn import SKLearnModel
from sagemaker.transformer import Transformer

role = "arn:aws:iam::123456789012:role/DataScientists"
session = sagemaker.Session()
bucket = session.default_bucket()
chance = random.Random(11)
rows = [[chance.random() for _ in range(3)] for _ in range(300)]
train = "".join(f"{sum(row)},{','.join(map(str, row))}\n" for row in rows[:200])
test = "".join(f"row-{n},{','.join(map(str, row))}\n" for n, row in enumerate(rows[200:]))
train_uri = session.upload_string_as_file_body(train, bucket, "transformer/train/rows.csv")
test_uri = session.upload_string_as_file_body(test, bucket, "transformer/test/rows.csv")

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
estimator = sagemaker.estimator.Estimator(image, role, 1, "ml.m5.large", sagemaker_session=session)
estimator.set_hyperparameters(objective="reg:squarederror", num_round=30)
estimator.fit({"train": TrainingInput(train_uri, content_type="text/csv")}, logs=False)

transformer = estimator.transformer(
    instance_count=1, instance_type="ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="text/csv", max_concurrent_transforms=2, max_payload=5,
    output_path=f"s3://{bucket}/transformer/out")
transformer.transform(
    test_uri, content_type="text/csv", split_type="Line", input_filter="$[1:]", join_source="Input", output_filter="$[0,-1]",
    batch_data_capture_config=BatchDataCaptureConfig(f"s3://{bucket}/transformer/capture"), wait=True, logs=True)
result = session.read_s3_file(bucket, "transformer/out/rows.csv.out").splitlines()
assert [line.split(",")[0] for line in result] == [f"row-{n}" for n in range(100)], result[:3]
error = sum((float(line.split(",")[1]) - sum(row)) ** 2 for line, row in zip(result, rows[200:])) / 100
print(f"mse: {error:.4f}")
assert error < 0.05, error
print("output:", transformer.output_path)

attached = Transformer.attach(transformer.latest_transform_job.name, sagemaker_session=session)
print("attached:", attached.model_name == transformer.model_name)

with tempfile.TemporaryDirectory() as folder:
    script = pathlib.Path(folder, "inference.py")
    script.write_text("def model_fn(folder): return 3\ndef predict_fn(data, model): return data * model\n")
    tripled = SKLearnModel(model_data=estimator.model_data, role=role, entry_point=str(script), framework_version="1.2-1", sagemaker_session=session)
    by_script = tripled.transformer(1, "ml.m5.large", output_path=f"s3://{bucket}/transformer/tripled", accept="application/json")
document = session.upload_string_as_file_body("[[1.0, 2.0]]", bucket, "transformer/documents/one.json")
by_script.transform(document, content_type="application/json", wait=True, logs=False)
print("tripled:", session.read_s3_file(bucket, "transformer/tripled/one.json.out"))

spoilt = session.upload_string_as_file_body("1,2,3\n1,two,3\n", bucket, "transformer/spoilt/rows.csv")
try:
    transformer.transform(spoilt, content_type="text/csv", split_type="Line", wait=True, logs=False)
except sagemaker.exceptions.UnexpectedStatusException as failure:
    print("failed:", failure)
transformer.delete_model()

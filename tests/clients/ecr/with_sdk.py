"""A container of one's own by the SageMaker Python SDK: Estimator, endpoint, transformer, processor."""
import io
import os
import time

import boto3
import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.processing import ProcessingOutput, Processor
from sagemaker.serializers import CSVSerializer

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{os.environ['OWN_IMAGE']}"



def wait_for(describe, member):
    """The SDK's own waits look every ten to thirty seconds."""
    while describe()[member] in ("InProgress", "Creating"):
        time.sleep(0.1)


session = sagemaker.Session()
client = session.sagemaker_client
bucket = session.default_bucket()
s3 = boto3.client("s3")
s3.upload_fileobj(io.BytesIO(b"1,2\n3,4\n8,5\n"), bucket, "with-sdk/data.csv")

estimator = Estimator(
    image_uri=IMAGE, role=ROLE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
    metric_definitions=[{"Name": "mean", "Regex": r"train-mean:([0-9.]+)"}],
)
estimator.fit({"train": f"s3://{bucket}/with-sdk/"}, wait=False)
wait_for(estimator.latest_training_job.describe, "TrainingJobStatus")
metrics = estimator.latest_training_job.describe()["FinalMetricDataList"]
assert [(each["MetricName"], each["Value"]) for each in metrics] == [("mean", 4.0)], metrics

predictor = estimator.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=CSVDeserializer(), wait=False)
wait_for(lambda: client.describe_endpoint(EndpointName=predictor.endpoint_name), "EndpointStatus")
assert predictor.predict([[5, 1], [4, 0]]) == [["1"], ["0"]]
predictor.delete_endpoint()

transformer = estimator.transformer(1, "ml.m5.large", output_path=f"s3://{bucket}/with-sdk-out")
transformer.transform(f"s3://{bucket}/with-sdk/", content_type="text/csv", split_type="Line", wait=False, logs=False)
wait_for(lambda: client.describe_transform_job(TransformJobName=transformer.latest_transform_job.name), "TransformJobStatus")
assert s3.get_object(Bucket=bucket, Key="with-sdk-out/data.csv.out")["Body"].read() == b"-3\n-1\n4\n"

processor = Processor(role=ROLE, image_uri=IMAGE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
processor.run(
    outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=f"s3://{bucket}/with-sdk-words", output_name="out")],
    arguments=["process", "by", "sdk"], wait=False, logs=False,
)
wait_for(processor.latest_job.describe, "ProcessingJobStatus")
assert s3.get_object(Bucket=bucket, Key="with-sdk-words/words")["Body"].read() == b"by sdk"
print("all as on SageMaker")

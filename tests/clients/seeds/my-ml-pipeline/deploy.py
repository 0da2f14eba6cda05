"""Deploys the newest registered version, asks it for predictions, and cleans up."""
import io
import json
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import sagemaker
from sagemaker import ModelPackage
from sagemaker.deserializers import CSVDeserializer
from sagemaker.serializers import CSVSerializer

import deployer

role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
endpoint_name = "my-ml-endpoint"
rights = deployer.assume()
session = sagemaker.Session(boto_session=rights)
client = rights.client("sagemaker")
s3 = rights.client("s3")


def read(uri):
    place = urlsplit(uri)
    return s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()


package = client.list_model_packages(
    ModelPackageGroupName="MyModels", SortBy="CreationTime", SortOrder="Descending", MaxResults=1)["ModelPackageSummaryList"][0]
arn = package["ModelPackageArn"]
# The SDK's deploy() first approves a version that is not approved, if it may; this session may not
model = ModelPackage(role=role, model_package_arn=arn, sagemaker_session=session)
model.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name=endpoint_name, wait=False)
client.get_waiter("endpoint_in_service").wait(EndpointName=endpoint_name, WaiterConfig={"Delay": 2, "MaxAttempts": 300})
predictor = sagemaker.Predictor(endpoint_name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer())

# The validation rows of the execution that made this version, through the endpoint
statistics = client.describe_model_package(ModelPackageName=arn)["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
evaluated = json.loads(read(statistics))["metrics"]["accuracy"]["value"]
job = client.list_processing_jobs(NameContains="DataProcessing", SortBy="CreationTime", SortOrder="Ascending")["ProcessingJobSummaries"][0]
outputs = client.describe_processing_job(ProcessingJobName=job["ProcessingJobName"])["ProcessingOutputConfig"]["Outputs"]
validation = next(output["S3Output"]["S3Uri"] for output in outputs if output["OutputName"] == "validation")
frame = pd.read_csv(io.BytesIO(read(f"{validation}/validation.csv")), header=None)
answers = np.array(predictor.predict(frame.iloc[:, 1:].to_numpy()), dtype=float).ravel()
accuracy = float(((answers > 0.5) == frame[0]).mean())
print(f"{len(answers)} predictions; accuracy by the endpoint {accuracy:.6f}, by the evaluation {evaluated:.6f}")
assert len(answers) == len(frame) and abs(accuracy - evaluated) < 1e-6

predictor.delete_endpoint()
client.get_waiter("endpoint_deleted").wait(EndpointName=endpoint_name, WaiterConfig={"Delay": 2, "MaxAttempts": 300})
model.delete_model()
for summary in client.list_model_packages(ModelPackageGroupName="MyModels")["ModelPackageSummaryList"]:
    client.delete_model_package(ModelPackageName=summary["ModelPackageArn"])
client.delete_model_package_group(ModelPackageGroupName="MyModels")
client.delete_pipeline(PipelineName="MyMLPipeline")
print("cleaned up")

"""Uploads the data, runs the pipeline, and reads what it left: predictions in S3 and the model's name in the parameter store."""
import sys

import boto3
import pandas as pd
from workflow import bucket, create_pipeline, role, session

if __name__ == "__main__":
    session.upload_data(sys.argv[1], bucket=bucket, key_prefix="abalone")
    pipeline = create_pipeline()
    pipeline.upsert(role_arn=role, description="Abalone: age from measurements")
    execution = pipeline.start()
    execution.wait(delay=2, max_attempts=300)
    steps = {step["StepName"]: step for step in execution.list_steps()}
    for name, step in sorted(steps.items(), key=lambda item: item[1]["StartTime"]):
        print(f"{name}: {step['StepStatus']}")

    model_name = steps["AbaloneCreateModel"]["Metadata"]["Model"]["Arn"].split("/")[-1]
    recorded = boto3.client("ssm").get_parameter(Name="HelloModelNameSps")["Parameter"]["Value"]
    outputs = steps["LambdaRecordModelNameToParameterStore"]["Metadata"]["Lambda"]["OutputParameters"]
    print("recorded", recorded == model_name, outputs == [{"Name": "recorded_name", "Value": model_name}])

    job_name = steps["AbaloneTransform"]["Metadata"]["TransformJob"]["Arn"].split("/")[-1]
    job = boto3.client("sagemaker").describe_transform_job(TransformJobName=job_name)
    prefix = job["TransformOutput"]["S3OutputPath"].split("/", 3)[3]
    result = boto3.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/test.csv.out")["Body"]
    rings = pd.read_csv(result, header=None, names=["actual", "predicted"])
    print(f"test MSE {((rings.actual - rings.predicted) ** 2).mean():.3f} over {len(rings)} rows")

"""Upsert: compiles pipeline.ts, uploads the scripts it names, and creates the SageMaker pipeline or updates it.

`slipway upsert pipeline.ts` does the same by hand; this file needs only Node and boto3, so that any build can run it.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

COMPILE = "const { pipeline } = await import('./pipeline.ts'); console.log(JSON.stringify(pipeline.compile(JSON.parse(process.argv[1]))))"


def compile_pipeline(target):
    """What the program says, for this account: name, definition and the local files that the definition needs in S3."""
    command = ["node", "--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", COMPILE, json.dumps(target)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def content_of(asset):
    """A script as it is, or archived as framework images want it; equal files make equal archives."""
    content = pathlib.Path(asset["path"]).read_bytes()
    if asset["format"] == "plain":
        return content
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo(pathlib.Path(asset["path"]).name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def put(sagemaker, request):
    """Updates the pipeline, or makes it, with the project's tag; its ARN."""
    from botocore.exceptions import ClientError

    tags = [{"Key": "slipway:project", "Value": request["PipelineName"]}]
    try:
        arn = sagemaker.update_pipeline(**request)["PipelineArn"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            raise
        return sagemaker.create_pipeline(**request, Tags=tags)["PipelineArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=tags)  # it may have been made by hand
    return arn


def main():
    """Uploads under addresses made of the content, so that a running execution never sees changed code."""
    import boto3

    session = boto3.Session()
    account = session.client("sts").get_caller_identity()["Account"]
    role = os.environ.get("SAGEMAKER_PIPELINE_ROLE_ARN", f"arn:aws:iam::{account}:role/SageMakerPipelineExecutionRole")
    bucket = os.environ.get("ARTIFACT_BUCKET", f"sagemaker-{session.region_name}-{account}")
    compiled = compile_pipeline({"region": session.region_name, "bucket": bucket, "role": role})
    definition = json.dumps(compiled["definition"])
    for asset in compiled["assets"]:
        content = content_of(asset)
        uri = asset["uri"].replace("{" + asset["id"] + "}", hashlib.sha256(content).hexdigest())
        _, key = re.fullmatch(r"s3://([^/]+)/(.+)", uri).groups()
        session.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        definition = definition.replace(asset["uri"], uri)
    sagemaker = session.client("sagemaker")
    request = {"PipelineName": compiled["name"], "PipelineDefinition": definition, "RoleArn": role}
    print(f"pipeline {put(sagemaker, request)}")


if __name__ == "__main__":
    main()

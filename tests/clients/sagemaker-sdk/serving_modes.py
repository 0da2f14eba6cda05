"""The SageMaker SDK 2.x beyond one model behind one endpoint: pipeline model, multi-data model, asynchronous and serverless deployment."""
import io
import pathlib
import tarfile
import tempfile

import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import JSONSerializer
from sagemaker.serverless import ServerlessInferenceConfig
from sagemaker.sklearn import SKLearnModel

role = "arn:aws:iam::123456789012:role/DataScientists"
session = sagemaker.Session()
bucket = session.default_bucket()
json_both_ways = {"serializer": JSONSerializer(), "deserializer": JSONDeserializer()}

#: Multiplies by the number in its model data.
SCRIPT = """
import os
def model_fn(folder): return float(open(os.path.join(folder, "factor.txt")).read())
def predict_fn(data, model): return data * model
"""


def in_service(endpoint):
    """deploy() itself looks only every 30 seconds."""
    waiter = session.sagemaker_client.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


def factor_archive(factor, key):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("factor.txt")
        member.size = len(factor)
        tar.addfile(member, io.BytesIO(factor.encode()))
    session.boto_session.client("s3").put_object(Bucket=bucket, Key=key, Body=archive.getvalue())
    return f"s3://{bucket}/{key}"


def model(factor, script, **more):
    uri = factor_archive(factor, f"modes/{factor}.tar.gz")
    return SKLearnModel(uri, role, entry_point=str(script), framework_version="1.2-1", sagemaker_session=session, **more)


with tempfile.TemporaryDirectory() as folder:
    script = pathlib.Path(folder, "inference.py")
    script.write_text(SCRIPT)

    chain = PipelineModel([model("2", script), model("5", script)], role, name="chain", sagemaker_session=session)
    chain.deploy(1, "ml.m5.large", endpoint_name="chain", wait=False)
    in_service("chain")
    print("chain:", Predictor("chain", session, **json_both_ways).predict([[1, 2]]))

    many = MultiDataModel(name="many", model_data_prefix=f"s3://{bucket}/many/", model=model("1", script), sagemaker_session=session)
    many.add_model(factor_archive("3", "modes/three.tar.gz"), "three.tar.gz")
    many.deploy(1, "ml.m5.large", endpoint_name="many", wait=False)
    in_service("many")
    many.add_model(factor_archive("7", "modes/seven.tar.gz"), "late/seven.tar.gz")
    print("models:", sorted(many.list_models()))
    predictor = Predictor("many", session, **json_both_ways)
    print("three:", predictor.predict([[1, 2]], target_model="three.tar.gz"))
    print("seven:", predictor.predict([[1, 2]], target_model="late/seven.tar.gz"))

    config = AsyncInferenceConfig(max_concurrent_invocations_per_instance=2, failure_path=f"s3://{bucket}/modes/failures")
    model("4", script, name="later").deploy(1, "ml.m5.large", endpoint_name="later", async_inference_config=config, wait=False)
    in_service("later")
    later = AsyncPredictor(Predictor("later", session, **json_both_ways))
    # the thread that looks for a failure goes on until its attempts are used up
    print("later:", later.predict_async([[1, 2]]).get_result(WaiterConfig(max_attempts=20, delay=1)))

    serverless = ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2)
    model("6", script, name="light").deploy(serverless_inference_config=serverless, endpoint_name="light", wait=False)
    in_service("light")
    print("light:", Predictor("light", session, **json_both_ways).predict([[1, 2]]))

for endpoint in ("chain", "many", "later", "light"):
    session.delete_endpoint(endpoint)

"""The SageMaker SDK 2.x without a pipeline, as in a notebook: process, fit with the log shown, register, deploy, predict."""
import pathlib
import sys
import tempfile

import numpy as np
import pandas as pd
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearnModel, SKLearnProcessor

role = "arn:aws:iam::123456789012:role/DataScientists"
session = sagemaker.Session()
seeds = pathlib.Path(sys.argv[1])



def in_service(endpoint):
    """deploy() itself looks only every 30 seconds."""
    waiter = session.sagemaker_client.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


processor = SKLearnProcessor(framework_version="1.2-1", role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session)
processor.run(
    code=str(seeds / "my-ml-pipeline" / "preprocess.py"),
    inputs=[ProcessingInput(source=str(seeds / "data" / "breast-cancer.csv"), destination="/opt/ml/processing/input")],
    outputs=[ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "validation")],
    logs=True,
)
prepared = {output.output_name: output.destination for output in processor.latest_job.outputs}

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
estimator = sagemaker.estimator.Estimator(image, role, 1, "ml.m5.large", sagemaker_session=session, base_job_name="notebook")
estimator.set_hyperparameters(objective="binary:logistic", num_round=20)
estimator.fit({name: TrainingInput(uri, content_type="text/csv") for name, uri in prepared.items()}, logs="All")
metrics = session.describe_training_job(estimator.latest_training_job.name)["FinalMetricDataList"]
print("metrics:", sorted(metric["MetricName"] for metric in metrics))

package = estimator.register(
    content_types=["text/csv"], response_types=["application/json"], inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"], model_package_group_name="notebook-models", approval_status="Approved", image_uri=image)
package.deploy(1, "ml.m5.large", endpoint_name="notebook", wait=False)
in_service("notebook")
predictor = sagemaker.Predictor("notebook", session, serializer=CSVSerializer(), deserializer=JSONDeserializer())
with tempfile.TemporaryDirectory() as folder:
    bucket, key = prepared["validation"].removeprefix("s3://").split("/", 1)
    session.download_data(folder, bucket, key_prefix=key)
    rows = pd.read_csv(pathlib.Path(folder, "validation.csv"), header=None)
scores = np.array([one["score"] for one in predictor.predict(rows.iloc[:, 1:].to_numpy())["predictions"]])
print(f"accuracy: {((scores > 0.5) == rows[0]).mean():.3f}")
predictor.delete_model()
predictor.delete_endpoint()

with tempfile.TemporaryDirectory() as folder:
    script = pathlib.Path(folder, "inference.py")
    script.write_text("def model_fn(folder): return 3\ndef predict_fn(data, model): return data * model\n")
    tripled = SKLearnModel(model_data=estimator.model_data, role=role, entry_point=str(script), framework_version="1.2-1", sagemaker_session=session)
    predictor = tripled.deploy(1, "ml.m5.large", endpoint_name="notebook-script", wait=False)
in_service("notebook-script")
print("tripled:", predictor.predict(np.array([[1.0, 2.0]])).tolist())
predictor.delete_model()
predictor.delete_endpoint()

"""From raw data to a registered model version, if it is good enough and better than the one in production.

Run, it creates the SageMaker pipeline or updates it; `--definition` only prints it.
"""

import json
import os
import pathlib
import sys

import boto3
import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
)
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.xgboost import XGBoost

FOLDER = pathlib.Path(__file__).parent
INSTANCE_TYPE = "ml.m5.large"
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")
CONDITIONS = {
    "Equals": ConditionEquals,
    "GreaterThan": ConditionGreaterThan,
    "GreaterThanOrEqualTo": ConditionGreaterThanOrEqualTo,
    "LessThan": ConditionLessThan,
    "LessThanOrEqualTo": ConditionLessThanOrEqualTo,
}


def read(name):
    """A file of config/."""
    return json.loads((FOLDER / "config" / f"{name}.json").read_text())


class Program:
    """The steps, as methods that read the configuration of this commit."""

    def __init__(self, role):
        """Everything runs by the role."""
        self.role = role
        self.session = PipelineSession()
        self.parameters, self.environments, self.rule = read("parameters"), read("environments"), read("approval-rule")
        self.attempt = ParameterInteger(name="RetrainAttempt", default_value=0)
        self.commit = ParameterString(name="CommitId", default_value="none")
        self.xgboost_image = sagemaker.image_uris.retrieve("xgboost", self.session.boto_region_name, version="1.7-1")

    def processor(self, image):
        """A processor that runs a Python script in the image."""
        return ScriptProcessor(
            image_uri=image,
            command=["python3"],
            role=self.role,
            instance_count=1,
            instance_type=INSTANCE_TYPE,
            sagemaker_session=self.session,
        )

    def preprocess(self):
        """Splits the data."""
        image = sagemaker.image_uris.retrieve("sklearn", self.session.boto_region_name, version="1.2-1")
        arguments = self.processor(image).run(
            code=str(FOLDER / "preprocessing.py"),
            arguments=["--test-fraction", str(self.parameters["testFraction"]), "--seed", str(self.parameters["seed"])],
            outputs=[
                ProcessingOutput(output_name=part, source=f"/opt/ml/processing/output/{part}")
                for part in ("train", "validation", "test")
            ],
        )
        return ProcessingStep(name="Preprocess", step_args=arguments, cache_config=CACHE)

    def train(self, preprocess):
        """Trains; a retraining has another seed."""
        estimator = XGBoost(
            entry_point=str(FOLDER / "train.py"),
            framework_version="1.7-1",
            role=self.role,
            instance_count=1,
            instance_type=INSTANCE_TYPE,
            sagemaker_session=self.session,
            hyperparameters={
                "num-round": self.parameters["numRound"],
                "max-depth": self.parameters["maxDepth"],
                "eta": self.parameters["eta"],
                "seed": self.attempt,
            },
        )
        channels = {part: TrainingInput(output_of(preprocess, part), content_type="text/csv") for part in ("train", "validation")}
        return TrainingStep(name="Train", step_args=estimator.fit(inputs=channels), cache_config=CACHE)

    def evaluate(self, preprocess, train, report):
        """Scores the held-out rows."""
        arguments = self.processor(self.xgboost_image).run(
            code=str(FOLDER / "evaluate.py"),
            inputs=[
                ProcessingInput(source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"),
                ProcessingInput(source=output_of(preprocess, "test"), destination="/opt/ml/processing/test"),
            ],
            outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        )
        return ProcessingStep(name="Evaluate", step_args=arguments, property_files=[report], cache_config=CACHE)

    def compare(self, preprocess, evaluate, comparison):
        """Scores the same rows with the model in production, if there is one."""
        endpoint = self.environments["environments"]["production"]["endpoint"]
        arguments = self.processor(self.xgboost_image).run(
            code=str(FOLDER / "compare_with_production.py"),
            arguments=["--endpoint", endpoint, "--metric", self.parameters["comparedMetric"]],
            inputs=[
                ProcessingInput(source=output_of(evaluate, "evaluation"), destination="/opt/ml/processing/candidate"),
                ProcessingInput(source=output_of(preprocess, "test"), destination="/opt/ml/processing/test"),
                ProcessingInput(source=str(FOLDER / "evaluate.py"), destination="/opt/ml/processing/input/evaluate"),
            ],
            outputs=[ProcessingOutput(output_name="comparison", source="/opt/ml/processing/comparison")],
        )
        return ProcessingStep(name="CompareWithProduction", step_args=arguments, property_files=[comparison])

    def register(self, name, train, evaluate, status):
        """Registers the version, with its metrics and where it came from."""
        statistics = Join(on="/", values=[output_of(evaluate, "evaluation"), "evaluation.json"])
        model = Model(
            image_uri=self.xgboost_image,
            model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
            role=self.role,
            sagemaker_session=self.session,
        )
        arguments = model.register(
            model_package_group_name=self.environments["modelPackageGroup"],
            approval_status=status,
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE_TYPE],
            transform_instances=[INSTANCE_TYPE],
            model_metrics=ModelMetrics(model_statistics=MetricsSource(s3_uri=statistics, content_type="application/json")),
            customer_metadata_properties={
                "CommitId": self.commit,
                "RetrainAttempt": self.attempt.to_string(),
                "Execution": ExecutionVariables.PIPELINE_EXECUTION_ID,
            },
        )
        return ModelStep(name=name, step_args=arguments)

    def register_by_rule(self, train, evaluate, report):
        """As Approved where config/approval-rule.json holds (whoever starts must have that right), else to be approved by somebody."""
        pending = self.register("Register", train, evaluate, "PendingManualApproval")
        if not self.rule["enabled"]:
            return [pending]
        metric = JsonGet(step_name=evaluate.name, property_file=report, json_path=self.rule["metric"])
        holds = CONDITIONS[self.rule["operator"]](left=metric, right=self.rule["threshold"])
        approved = self.register("RegisterApproved", train, evaluate, "Approved")
        return [ConditionStep(name="RegisterByRule", conditions=[holds], if_steps=[approved], else_steps=[pending])]

    def pipeline(self):
        """All of it."""
        report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
        comparison = PropertyFile(name="Comparison", output_name="comparison", path="comparison.json")
        preprocess = self.preprocess()
        train = self.train(preprocess)
        evaluate = self.evaluate(preprocess, train, report)
        compare = self.compare(preprocess, evaluate, comparison)
        accuracy = JsonGet(step_name=evaluate.name, property_file=report, json_path="metrics.accuracy.value")
        verdict = JsonGet(step_name=compare.name, property_file=comparison, json_path="verdict")
        candidate = JsonGet(step_name=compare.name, property_file=comparison, json_path="candidate")
        least = self.parameters["minimumAccuracy"]
        told = ["RetrainAttempt", self.attempt.to_string(), "has accuracy", accuracy, f"(at least {least}); against production:"]
        gate = ConditionStep(
            name="GoodEnough",
            conditions=[
                ConditionGreaterThanOrEqualTo(left=accuracy, right=least),
                ConditionIn(value=verdict, in_values=["first", "better"]),
            ],
            if_steps=self.register_by_rule(train, evaluate, report),
            else_steps=[FailStep(name="NotGoodEnough", error_message=Join(on=" ", values=[*told, verdict, "with", candidate]))],
        )
        return Pipeline(
            name=self.environments["project"],
            parameters=[self.attempt, self.commit],
            steps=[preprocess, train, evaluate, compare, gate],
            sagemaker_session=self.session,
        )


def output_of(step, name):
    """The S3 URI of a processing step's output."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def role_arn():
    """The role of pipeline and jobs."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    return os.environ.get("SAGEMAKER_PIPELINE_ROLE_ARN", f"arn:aws:iam::{account}:role/SageMakerPipelineExecutionRole")


if __name__ == "__main__":
    role = role_arn()
    pipeline = Program(role).pipeline()
    if "--definition" in sys.argv:
        print(json.dumps(json.loads(pipeline.definition()), indent=2))
    else:
        tags = [{"Key": "slipway:project", "Value": pipeline.name}]
        print("pipeline", pipeline.upsert(role_arn=role, tags=tags)["PipelineArn"])

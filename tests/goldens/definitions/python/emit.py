"""Emits pipeline definitions with the real SageMaker Python SDK (2.x), for the definition checker's golden tests.

    python3 -m venv NEW && NEW/bin/pip install 'sagemaker<3' && NEW/bin/python emit.py newest
    python3 -m venv OLD && OLD/bin/pip install 'sagemaker==2.100.0' && OLD/bin/python emit.py 2.100

Writes <dialect>/<program>.json beside this file; with names of programs behind the dialect, only those. A local HTTP answerer stands in for S3 so that no account is needed: compiling a
pipeline uploads code, and nothing else of AWS is called.
"""
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading

BUCKET = "sagemaker-us-east-1-123456789012"
ROLE = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
XGB = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKETS = (
    "<ListAllMyBucketsResult><Buckets><Bucket><CreationDate>2024-01-01T00:00:00.000Z</CreationDate>"
    f"<Name>{BUCKET}</Name></Bucket></Buckets></ListAllMyBucketsResult>"
).encode()


class AcceptEverything(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        body = BUCKETS if self.command == "GET" and self.path.split("?")[0] == "/" else b""
        self.send_response(200)
        self.send_header("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_HEAD = do_GET = answer

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AcceptEverything)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ.update(
    AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
    AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY="example",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    SAGEMAKER_SUPPRESS_V2_WARNING="1",
)
here = pathlib.Path(__file__).resolve().parent
work = pathlib.Path(tempfile.mkdtemp())
os.chdir(work)
for name in ("preprocess.py", "evaluate.py", "train_sk.py", "inference.py"):
    (work / name).write_text("print('hello')\n")
(work / "config.yaml").write_text(
    "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
)
os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(work / "config.yaml")

import boto3  # noqa: E402
import sagemaker  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor  # noqa: E402
from sagemaker.sklearn.estimator import SKLearn  # noqa: E402
from sagemaker.sklearn.processing import SKLearnProcessor  # noqa: E402
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter  # noqa: E402
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep  # noqa: E402
from sagemaker.workflow.condition_step import ConditionStep  # noqa: E402
from sagemaker.workflow.conditions import (  # noqa: E402
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.workflow.fail_step import FailStep  # noqa: E402
from sagemaker.workflow.functions import Join, JsonGet  # noqa: E402
from sagemaker.lambda_helper import Lambda  # noqa: E402
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep  # noqa: E402
from sagemaker.workflow.model_step import ModelStep  # noqa: E402
from sagemaker.workflow.parameters import (  # noqa: E402
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.workflow.properties import PropertyFile  # noqa: E402
from sagemaker.workflow.retry import (  # noqa: E402
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.workflow.step_collections import RegisterModel  # noqa: E402
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep  # noqa: E402

session = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket=BUCKET)


def xgb_estimator(**hyperparameters):
    estimator = Estimator(
        image_uri=XGB, role=ROLE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
        output_path=f"s3://{BUCKET}/models",
    )
    estimator.set_hyperparameters(objective="binary:logistic", num_round=20, **hyperparameters)
    return estimator


def sklearn_processor(instance_count=1):
    return SKLearnProcessor(
        framework_version="0.23-1", role=ROLE, instance_type="ml.m5.large", instance_count=instance_count,
        sagemaker_session=session,
    )


def seed_000():
    approval = ParameterString(name="ModelApprovalStatus", default_value="PendingManualApproval")
    estimator = xgb_estimator(max_depth=3)
    train = TrainingStep(
        name="TrainModel", estimator=estimator,
        inputs={"train": TrainingInput(f"s3://{BUCKET}/clinical/train.csv", content_type="text/csv")},
    )
    register = RegisterModel(
        name="RegisterModel", estimator=estimator, model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"], approval_status=approval,
        model_package_group_name="clinical-dropout-risk",
    )
    return Pipeline(
        name="ClinicalRiskPipeline", parameters=[approval], steps=[train, register], sagemaker_session=session
    )


def seed_002():
    count = ParameterInteger(name="ProcessingInstanceCount", default_value=1)
    data = ParameterString(name="InputData", default_value=f"s3://{BUCKET}/my-input-data/")
    process = ProcessingStep(
        name="DataProcessing", processor=sklearn_processor(count),
        inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
            ProcessingOutput(output_name="validation", source="/opt/ml/processing/validation"),
        ],
        code="preprocess.py",
    )
    outputs = process.properties.ProcessingOutputConfig.Outputs
    estimator = xgb_estimator()
    train = TrainingStep(
        name="ModelTraining", estimator=estimator,
        inputs={"train": TrainingInput(s3_data=outputs["train"].S3Output.S3Uri, content_type="text/csv")},
    )
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        name="ModelEvaluation", processor=sklearn_processor(),
        inputs=[
            ProcessingInput(
                source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"
            ),
            ProcessingInput(source=outputs["validation"].S3Output.S3Uri, destination="/opt/ml/processing/validation"),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        property_files=[report], code="evaluate.py",
    )
    model = sagemaker.model.Model(
        image_uri=XGB, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, role=ROLE,
        sagemaker_session=session,
    )
    register = ModelStep(
        name="RegisterModel",
        step_args=model.register(
            content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.large"], model_package_group_name="my-ml-group",
            approval_status="PendingManualApproval",
        ),
    )
    condition = ConditionStep(
        name="CheckAccuracy",
        conditions=[
            ConditionGreaterThanOrEqualTo(
                left=JsonGet(
                    step_name=evaluate.name, property_file=report, json_path="metrics.accuracy.value"
                ),
                right=0.80,
            )
        ],
        if_steps=[register], else_steps=[],
    )
    return Pipeline(
        name="MyMLPipeline", parameters=[count, data], steps=[process, train, evaluate, condition],
        sagemaker_session=session,
    )


def every_executed_step():
    """All parameter types, execution variables, Join, JsonGet, nested conditions with every operator, Model, Fail, cache, retry."""
    data = ParameterString(name="InputData", default_value=f"s3://{BUCKET}/in", enum_values=[f"s3://{BUCKET}/in", "s3://other/in"])
    depth = ParameterInteger(name="MaxDepth", default_value=5)
    eta = ParameterFloat(name="Eta", default_value=0.3)
    verbose = ParameterBoolean(name="Verbose", default_value=True)
    required = ParameterString(name="Owner")
    cache = CacheConfig(enable_caching=True, expire_after="P30D")
    process = ProcessingStep(
        name="Preprocess", display_name="Split the data", description="Splits the rows.",
        processor=ScriptProcessor(
            image_uri="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3", command=["python3"],
            role=ROLE, instance_count=1, instance_type="ml.m5.large", env={"OWNER": required}, sagemaker_session=session,
        ),
        inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input", input_name="raw")],
        outputs=[ProcessingOutput(
            output_name="train", source="/opt/ml/processing/train",
            destination=Join(on="/", values=["s3:/", BUCKET, "runs", ExecutionVariables.PIPELINE_EXECUTION_ID, "train"]),
        )],
        job_arguments=["--depth", depth.to_string() if hasattr(depth, "to_string") else "5", "--name", "x"],
        code="preprocess.py", cache_config=cache,
        retry_policies=[
            StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
                            interval_seconds=10, max_attempts=3, backoff_rate=2.0),
            SageMakerJobStepRetryPolicy(exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
                                        failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
                                        interval_seconds=60, expire_after_mins=60),
        ],
    )
    estimator = SKLearn(
        entry_point="train_sk.py", framework_version="1.2-1" if sys.argv[1] == "newest" else "1.0-1", role=ROLE, instance_type="ml.m5.large",
        sagemaker_session=session, hyperparameters={"max_depth": depth, "eta": eta, "verbose": verbose},
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
    )
    train = TrainingStep(
        name="Train",
        step_args=estimator.fit(
            {"train": TrainingInput(process.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri)}
        ),
        depends_on=[process], cache_config=cache,
    )
    report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        name="Evaluate", processor=sklearn_processor(),
        inputs=[ProcessingInput(source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model")],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        property_files=[report], code="evaluate.py",
    )
    model = sagemaker.model.Model(
        image_uri=XGB, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, role=ROLE, sagemaker_session=session,
        env={"RUN": ExecutionVariables.PIPELINE_EXECUTION_ID},
    )
    create = ModelStep(name="Risk", step_args=model.create(instance_type="ml.m5.large"))
    fail = FailStep(
        name="TooWeak",
        error_message=Join(on=" ", values=["accuracy of", ExecutionVariables.PIPELINE_NAME, "is below", eta]),
    )
    accuracy = JsonGet(step_name="Evaluate", property_file=report, json_path="metrics['accuracy'].values[0]")
    inner = ConditionStep(
        name="Inner",
        conditions=[
            ConditionOr(conditions=[ConditionLessThan(left=accuracy, right=1.0), ConditionEquals(left=verbose, right=True)]),
            ConditionNot(expression=ConditionIn(value=required, in_values=["nobody", data])),
            ConditionLessThanOrEqualTo(left=depth, right=10),
        ],
        if_steps=[create], else_steps=[],
    )
    outer = ConditionStep(
        name="Outer", conditions=[ConditionGreaterThan(left=accuracy, right=eta)], if_steps=[inner], else_steps=[fail],
        depends_on=["Train"],
    )
    return Pipeline(
        name="Everything", parameters=[data, depth, eta, verbose, required],
        steps=[process, train, evaluate, outer], sagemaker_session=session,
    )


def steps_of_later():
    """Tuning, which is parsed but not executed, and what follows it: Transform, Callback."""
    estimator = xgb_estimator()
    tuner = HyperparameterTuner(
        estimator, "validation:auc", {"eta": ContinuousParameter(0, 1), "max_depth": IntegerParameter(1, 5)}, max_jobs=2,
    )
    channels = {"train": TrainingInput(f"s3://{BUCKET}/t"), "validation": TrainingInput(f"s3://{BUCKET}/v")}
    tune = TuningStep(name="Tune", tuner=tuner, inputs=channels)
    model = sagemaker.model.Model(
        image_uri=XGB, model_data=tune.get_top_model_s3_uri(top_k=0, s3_bucket=BUCKET), role=ROLE, sagemaker_session=session
    )
    create = ModelStep(name="Best", step_args=model.create(instance_type="ml.m5.large"))
    transformer = sagemaker.transformer.Transformer(
        model_name=create.properties.ModelName, instance_count=1, instance_type="ml.m5.large",
        output_path=f"s3://{BUCKET}/scores", sagemaker_session=session,
    )
    transform = TransformStep(
        name="Score", transformer=transformer, inputs=sagemaker.inputs.TransformInput(data=f"s3://{BUCKET}/b")
    )
    callback = CallbackStep(
        name="Ask", sqs_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/q",
        inputs={"where": transform.properties.TransformOutput.S3OutputPath},
        outputs=[CallbackOutput(output_name="answer", output_type=CallbackOutputTypeEnum.String)],
    )
    return Pipeline(name="Later", steps=[tune, create, transform, callback], sagemaker_session=session)


def service_steps():
    """What models, functions and people do: Transform, Lambda, Callback."""
    rows = ParameterString(name="Rows", default_value=f"s3://{BUCKET}/rows")
    limit = ParameterInteger(name="Limit", default_value=10)
    transformer = sagemaker.transformer.Transformer(
        model_name="risk", instance_count=1, instance_type="ml.m5.large", output_path=f"s3://{BUCKET}/scores",
        strategy="MultiRecord", assemble_with="Line", accept="text/csv", max_payload=6, max_concurrent_transforms=2,
        env={"MODE": "fast"}, sagemaker_session=session,
    )
    transform = TransformStep(
        name="Score",
        step_args=transformer.transform(
            data=rows, content_type="text/csv", split_type="Line", input_filter="$[1:]", join_source="Input"
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
    )
    count = LambdaStep(
        name="Count",
        lambda_func=Lambda(function_arn="arn:aws:lambda:us-east-1:123456789012:function:count"),
        inputs={"where": transform.properties.TransformOutput.S3OutputPath, "limit": limit, "nested": {"list": [1, True, "x"]}},
        outputs=[
            LambdaOutput(output_name="rows", output_type=LambdaOutputTypeEnum.Integer),
            LambdaOutput(output_name="message", output_type=LambdaOutputTypeEnum.String),
        ],
    )
    ask = CallbackStep(
        name="Ask", sqs_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/q",
        inputs={"rows": count.properties.Outputs["rows"]},
        outputs=[CallbackOutput(output_name="agreed", output_type=CallbackOutputTypeEnum.Boolean)],
        display_name="Ask somebody",
    )
    check = ConditionStep(
        name="Agreed", conditions=[ConditionEquals(left=ask.properties.Outputs["agreed"], right=True)],
        if_steps=[], else_steps=[FailStep(name="Refused", error_message=Join(on=": ", values=["refused", count.properties.Outputs["message"]]))],
    )
    return Pipeline(
        name="Services", parameters=[rows, limit], steps=[transform, count, ask, check], sagemaker_session=session
    )


dialect = sys.argv[1]
out = here / dialect
out.mkdir(exist_ok=True)
programs = [seed_000, seed_002, every_executed_step, steps_of_later, service_steps]
for program in programs:
    if sys.argv[2:] and program.__name__.replace("_", "-") not in sys.argv[2:]:
        continue
    definition = json.loads(program().definition())
    (out / f"{program.__name__.replace('_', '-')}.json").write_text(json.dumps(definition, indent=1) + "\n")
    print("wrote", program.__name__)

"""A pytest plugin: tests written for the mock library `moto` speak to the server the environment names instead.

The mock's decorators become no-ops, so that boto3 reaches AWS_ENDPOINT_URL. What each test made is removed after it, by the
API itself. At the end one line of JSON per test goes to FOREIGN_REPORT: {"test", "outcome", "why"}.
"""

import functools
import json
import os
import signal
import time
import uuid

os.environ["TEST_SERVER_MODE"] = "true"
os.environ["TEST_SERVER_MODE_ENDPOINT"] = os.environ["AWS_ENDPOINT_URL"]

import boto3
import freezegun
import moto
import moto.core.decorator
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

NOT_BUILT = ("NotImplemented", "NotSupported", "not implemented", "does not implement", "UnknownOperation", "InvalidAction")
_seen_not_built: list[str] = []


class _NoMock:
    """Stands for `mock_aws`: bare decorator, decorator with arguments, context manager, of functions and classes."""

    def __call__(self, target=None, **_):
        return self if target is None else target

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def start(self, reset=True):
        pass

    def stop(self):
        pass


def _no_mock(target=None, **_):
    return _NoMock() if target is None else target


moto.mock_aws = _no_mock
moto.core.decorator.mock_aws = _no_mock
# A request signed at another time is refused, and the server's clock is nobody's to freeze.
freezegun.freeze_time = lambda *_, **__: _NoMock()


def _with_bucket(func):
    @functools.wraps(func)
    def run(**kwargs):
        name = str(uuid.uuid4())
        boto3.client("s3").create_bucket(Bucket=name)
        return func(**kwargs, bucket_name=name)

    # pytest must not see the wrapped signature: `bucket_name` is no fixture.
    import inspect

    params = [p for n, p in inspect.signature(func).parameters.items() if n != "bucket_name"]
    run.__signature__ = inspect.Signature(params)
    del run.__wrapped__
    return run


def pytest_configure(config):
    """The suite's own bucket decorator asks for bucket tags and versions before any test; ours makes the bucket only."""
    try:
        import tests.test_s3

        tests.test_s3.s3_aws_verified = _with_bucket
    except ImportError:
        pass
    original = boto3.Session._setup_loader

    def setup(session):
        original(session)
        events = session._session
        events.register("after-call", _note_not_built)
        events.register("before-sign", lambda region_name, **_: _regions.add(region_name or "us-east-1"))
        events.register("provide-client-params.sagemaker", _mend_placeholders)
        events.register("provide-client-params.iam", _mend_placeholders)
        events.register("provide-client-params.scheduler", _mend_placeholders)
        events.register("provide-client-params.events", _mend_placeholders)
        for call in ("sns.Publish", "sns.PublishBatch", "events.PutEvents"):
            events.register(f"after-call.{call}", _let_arrive)

    boto3.Session._setup_loader = setup


IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
_INFERENCE = {"Containers": [{"Image": IMAGE}], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
_STEP = {"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "placeholder"}}
_PLACEHOLDERS = {
    "PipelineDefinition": {"Version": "2020-12-01", "Steps": [_STEP]},
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {
                    "Service": [
                        f"{service}.amazonaws.com"
                        for service in ("sagemaker", "lambda", "codebuild", "codepipeline", "events", "scheduler")
                    ]
                },
                "Action": "sts:AssumeRole",
            }
        ],
    },
}


def _mend_placeholders(params, model, **_):
    """Where a test gives words for a document nobody reads, a document; what it tests is something else."""
    for member, document in _PLACEHOLDERS.items():
        text = params.get(member)
        if not isinstance(text, str):
            continue
        try:
            meant = json.loads(text)
        except ValueError:
            meant = None
        if not meant or not isinstance(meant, dict):
            params[member] = json.dumps(document)
    if model.name == "CreateRole" and "Path" in params:
        params["Path"] = f"/{params['Path'].strip('/')}/".replace("//", "/")
    for member in ("RoleArn", "ExecutionRoleArn"):
        if member in params and ":iam::" not in params[member]:
            params[member] = "arn:aws:iam::123456789012:role/FakeRole"
    if model.name in ("CreateSchedule", "UpdateSchedule"):
        target = params.get("Target", {})
        if not str(target.get("Arn", "")).startswith("arn:aws:"):
            target["Arn"] = "arn:aws:sqs:us-east-1:123456789012:somewhere"
        if ":iam::" not in str(target.get("RoleArn", "")):
            target["RoleArn"] = "arn:aws:iam::123456789012:role/FakeRole"
        if "some cron" in str(params.get("ScheduleExpression")):
            params["ScheduleExpression"] = "cron(0 12 * * ? *)"
    if str(params.get("InvocationEndpoint")).startswith("www."):
        params["InvocationEndpoint"] = f"https://{params['InvocationEndpoint']}"
    for target in params.get("Targets", []) if model.name == "PutTargets" else []:
        target["Id"] = target["Id"].replace("/", "-")
    if model.name == "CreateModel" and not params.get("Containers"):
        params.setdefault("PrimaryContainer", {"Image": IMAGE}).pop("ModelDataUrl", None)
    if model.name == "CreateModelPackage" and "ModelPackageName" in params and "ModelPackageGroupName" not in params:
        params.setdefault("InferenceSpecification", _INFERENCE)
    for container in (params.get("PrimaryContainer"), params.get("AlgorithmSpecification"), params.get("AppSpecification")):
        for member in ("Image", "TrainingImage", "ImageUri"):
            if isinstance(container, dict) and member in container:
                container[member] = IMAGE
    return params


def _note_not_built(http_response, parsed, model, **_):
    error = parsed.get("Error") if isinstance(parsed, dict) else None
    if http_response.status_code >= 400:
        text = f"{(error or {}).get('Code', '')} {(error or {}).get('Message', '')}"
        if http_response.status_code == 501 or any(mark in text for mark in NOT_BUILT):
            _seen_not_built.append(model.name)


def _let_arrive(**_):
    """What is published arrives soon, as on AWS; these tests look at once, also for what must not arrive."""
    time.sleep(0.8)


def _make_signing_key():
    """The server makes the key it signs messages of topics with for the first of them, which takes it seconds."""
    sns, sqs = _client("sns"), _client("sqs")
    topic = sns.create_topic(Name="first")["TopicArn"]
    queue = sqs.create_queue(QueueName="first")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="first")
    ends_at = time.monotonic() + TEST_TIMEOUT_S
    while not sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages") and time.monotonic() < ends_at:
        pass
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)


def _quietly(call, **kwargs):
    try:
        return call(**kwargs)
    except ClientError:
        return {}


_regions: set[str] = set()


def _client(service, region="us-east-1"):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=_ENV["AWS_ENDPOINT_URL"],
        aws_access_key_id=_ENV["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_ENV["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 1}),
    )


_ENV = dict(os.environ)
TEST_TIMEOUT_S = 100


def _own_key():
    """An access key as a user of AWS would have one: of a user of the account, made by CreateAccessKey."""
    iam = _client("iam")
    iam.create_user(UserName=OWN_USER)
    iam.put_user_policy(
        UserName=OWN_USER,
        PolicyName="everything",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
    )
    key = iam.create_access_key(UserName=OWN_USER)["AccessKey"]
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = key["AccessKeyId"], key["SecretAccessKey"]


OWN_USER = "foreign-tests"


def _wipe_s3():
    s3 = _client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if name in _kept["buckets"]:
            continue
        for upload in _quietly(s3.list_multipart_uploads, Bucket=name).get("Uploads", []):
            _quietly(s3.abort_multipart_upload, Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        while True:
            listed = _quietly(s3.list_object_versions, Bucket=name)
            rows = [{"Key": k["Key"], "VersionId": k["VersionId"]} for k in listed.get("Versions", []) + listed.get("DeleteMarkers", [])]
            if not rows:
                break
            s3.delete_objects(Bucket=name, Delete={"Objects": rows})
        _quietly(s3.delete_bucket, Bucket=name)


def _wipe_iam():
    iam = _client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            if name in _kept["roles"]:
                continue
            for policy in _quietly(iam.list_role_policies, RoleName=name).get("PolicyNames", []):
                _quietly(iam.delete_role_policy, RoleName=name, PolicyName=policy)
            for policy in _quietly(iam.list_attached_role_policies, RoleName=name).get("AttachedPolicies", []):
                _quietly(iam.detach_role_policy, RoleName=name, PolicyArn=policy["PolicyArn"])
            _quietly(iam.delete_role, RoleName=name)
    for user in iam.list_users()["Users"]:
        name = user["UserName"]
        if name in ("admin", OWN_USER):
            continue
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            _quietly(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            _quietly(iam.delete_user_policy, UserName=name, PolicyName=policy)
        for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            _quietly(iam.detach_user_policy, UserName=name, PolicyArn=policy["PolicyArn"])
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            _quietly(iam.remove_user_from_group, UserName=name, GroupName=group["GroupName"])
        _quietly(iam.delete_user, UserName=name)
    for group in iam.list_groups()["Groups"]:
        name = group["GroupName"]
        for policy in iam.list_group_policies(GroupName=name)["PolicyNames"]:
            _quietly(iam.delete_group_policy, GroupName=name, PolicyName=policy)
        for policy in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]:
            _quietly(iam.detach_group_policy, GroupName=name, PolicyArn=policy["PolicyArn"])
        _quietly(iam.delete_group, GroupName=name)
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        for version in iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]:
            if not version["IsDefaultVersion"]:
                _quietly(iam.delete_policy_version, PolicyArn=policy["Arn"], VersionId=version["VersionId"])
        _quietly(iam.delete_policy, PolicyArn=policy["Arn"])


def _wipe_neighbours(path, region):
    if path.endswith(("test_awslambda/test_lambda.py", "test_logs/test_integration.py")) or "lambdatriggers" in path:  # the classes of the others make one function for all their tests
        functions = _client("lambda", region)
        for page in functions.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                _quietly(functions.delete_function, FunctionName=function["FunctionName"])
    if any(part in path for part in ("test_sqs", "test_sns", "test_events")):
        sqs = _client("sqs", region)
        for url in sqs.list_queues().get("QueueUrls", []):
            _quietly(sqs.delete_queue, QueueUrl=url)
    if "test_ssm" in path:
        ssm = _client("ssm", region)
        for page in ssm.get_paginator("describe_parameters").paginate():
            for parameter in page["Parameters"]:
                _quietly(ssm.delete_parameter, Name=parameter["Name"])
    if "test_ecr" in path:
        ecr = _client("ecr", region)
        for page in ecr.get_paginator("describe_repositories").paginate():
            for repository in page["repositories"]:
                _quietly(ecr.delete_repository, repositoryName=repository["repositoryName"], force=True)
    if "test_secretsmanager" in path or "test_ssm" in path:
        secrets = _client("secretsmanager", region)
        for page in secrets.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True):
            for secret in page["SecretList"]:
                _quietly(secrets.delete_secret, SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)


def _wipe_builds(builds):
    """A build is deleted once it has ended."""
    ends_at = time.monotonic() + TEST_TIMEOUT_S
    while ids := builds.list_builds()["ids"]:
        for build in ids:
            _quietly(builds.stop_build, id=build)
        if not _quietly(builds.batch_delete_builds, ids=ids).get("buildsNotDeleted") or time.monotonic() > ends_at:
            return
        time.sleep(0.2)


def _wipe_delivery(path, region):
    if "test_codecommit" in path:
        git = _client("codecommit", region)
        for page in git.get_paginator("list_repositories").paginate():
            for repository in page["repositories"]:
                _quietly(git.delete_repository, repositoryName=repository["repositoryName"])
    if "test_codebuild" in path:
        builds = _client("codebuild", region)
        _wipe_builds(builds)
        for page in builds.get_paginator("list_projects").paginate():
            for name in page["projects"]:
                _quietly(builds.delete_project, name=name)
    if "test_codepipeline" in path:
        pipelines = _client("codepipeline", region)
        for page in pipelines.get_paginator("list_pipelines").paginate():
            for pipeline in page["pipelines"]:
                _quietly(pipelines.delete_pipeline, name=pipeline["name"])
    if "test_sns" in path:
        sns = _client("sns", region)
        for page in sns.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                _quietly(sns.delete_topic, TopicArn=topic["TopicArn"])


def _wipe_schedules(path, region):
    if "test_scheduler" in path:
        scheduler = _client("scheduler", region)
        for schedule in scheduler.list_schedules()["Schedules"]:
            _quietly(scheduler.delete_schedule, Name=schedule["Name"], GroupName=schedule["GroupName"])
        for group in scheduler.list_schedule_groups()["ScheduleGroups"]:
            _quietly(scheduler.delete_schedule_group, Name=group["Name"])
    if "test_events" in path:
        events = _client("events", region)
        for bus in events.list_event_buses()["EventBuses"]:
            for rule in events.list_rules(EventBusName=bus["Name"])["Rules"]:
                targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]
                ids = [target["Id"] for target in targets]
                if ids:
                    _quietly(events.remove_targets, Rule=rule["Name"], EventBusName=bus["Name"], Ids=ids)
                _quietly(events.delete_rule, Name=rule["Name"], EventBusName=bus["Name"])
            _quietly(events.delete_event_bus, Name=bus["Name"])
        for name in [one["Name"] for one in _quietly(events.list_api_destinations).get("ApiDestinations", [])]:
            _quietly(events.delete_api_destination, Name=name)
        for name in [one["Name"] for one in _quietly(events.list_connections).get("Connections", [])]:
            _quietly(events.delete_connection, Name=name)


def _wipe_logs(region):
    logs = _client("logs", region)
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            _quietly(logs.delete_log_group, logGroupName=group["logGroupName"])


def _wipe_sagemaker(region):
    sm = _client("sagemaker", region)

    def each(verb, key, member):
        for page in sm.get_paginator(verb).paginate():
            for one in page[key]:
                yield one[member]

    for name in list(each("list_endpoints", "Endpoints", "EndpointName")):
        _quietly(sm.delete_endpoint, EndpointName=name)
    for name in list(each("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")):
        _quietly(sm.delete_endpoint_config, EndpointConfigName=name)
    for name in list(each("list_models", "Models", "ModelName")):
        _quietly(sm.delete_model, ModelName=name)
    for group in list(each("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName")):
        for p in sm.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]:
            _quietly(sm.delete_model_package, ModelPackageName=p["ModelPackageArn"])
        _quietly(sm.delete_model_package_group, ModelPackageGroupName=group)
    for arn in list(each("list_model_packages", "ModelPackageSummaryList", "ModelPackageArn")):
        _quietly(sm.delete_model_package, ModelPackageName=arn)
    for name in list(each("list_pipelines", "PipelineSummaries", "PipelineName")):
        for run in sm.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]:
            _quietly(
                sm.stop_pipeline_execution,
                PipelineExecutionArn=run["PipelineExecutionArn"],
                ClientRequestToken=str(uuid.uuid4()),
            )
        _quietly(sm.delete_pipeline, PipelineName=name, ClientRequestToken=str(uuid.uuid4()))
    for name in list(each("list_notebook_instances", "NotebookInstances", "NotebookInstanceName")):
        _quietly(sm.stop_notebook_instance, NotebookInstanceName=name)
        _quietly(sm.delete_notebook_instance, NotebookInstanceName=name)
    configs = each("list_notebook_instance_lifecycle_configs", "NotebookInstanceLifecycleConfigs", "NotebookInstanceLifecycleConfigName")
    for name in list(configs):
        _quietly(sm.delete_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName=name)
    for domain in list(each("list_domains", "Domains", "DomainId")):
        _quietly(sm.delete_domain, DomainId=domain)
    for kind, key in (("training", "Training"), ("processing", "Processing")):
        for name in list(each(f"list_{kind}_jobs", f"{key}JobSummaries", f"{key}JobName")):
            _quietly(getattr(sm, f"stop_{kind}_job"), **{f"{key}JobName": name})
            _quietly(getattr(sm, f"delete_{kind}_job"), **{f"{key}JobName": name})


_kept = {"buckets": set(), "roles": set()}


def pytest_sessionstart(session):
    _own_key()
    if any("test_sns" in arg for arg in session.config.args):
        _make_signing_key()
    _kept["buckets"] = {b["Name"] for b in _client("s3").list_buckets()["Buckets"]}
    for page in _client("iam").get_paginator("list_roles").paginate():
        _kept["roles"] |= {r["RoleName"] for r in page["Roles"]}


def _too_long(*_):
    raise TimeoutError(f"not done after {TEST_TIMEOUT_S} s")


TARGETS_PER_RULE = 5


def pytest_collection_modifyitems(items):
    """A rule has at most five targets; the suite gives one of its rules six, in a table that its tests also compare with."""
    for module in {item.module for item in items}:
        counts = {}
        for target in getattr(module, "TARGETS", {}).values():
            target["Rules"] = [rule for rule in target["Rules"] if counts.setdefault(rule, 0) < TARGETS_PER_RULE]
            for rule in target["Rules"]:
                counts[rule] += 1


@pytest.fixture(autouse=True)
def _fresh(request):
    _seen_not_built.clear()
    _regions.clear()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(TEST_TIMEOUT_S)
    yield
    signal.alarm(0)
    path = str(request.node.path)
    if any(part in path for part in ("test_iam", "test_sts", "test_events")):
        _wipe_iam()
    for region in sorted(_regions):
        if "test_logs" in path or "test_events" in path:
            _wipe_logs(region)
        if "test_sagemaker" in path:
            _wipe_sagemaker(region)
        _wipe_neighbours(path, region)
        _wipe_delivery(path, region)
        _wipe_schedules(path, region)
    _wipe_s3()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" and report.passed:
        return
    why = ""
    if report.failed:
        why = str(call.excinfo.value)[:600]
    kind = report.outcome
    if kind == "failed" and _seen_not_built:
        kind = "not built"
        why = ", ".join(sorted(set(_seen_not_built)))
    where = ""
    if report.failed:
        frames = [t for t in call.excinfo.traceback if "/tests/" in str(t.path)]
        if frames:
            where = f"{os.path.basename(str(frames[-1].path))}:{frames[-1].lineno + 1}: {str(frames[-1].statement).strip()}"
    with open(os.environ["FOREIGN_REPORT"], "a") as out:
        out.write(json.dumps({"test": item.nodeid, "when": report.when, "outcome": kind, "why": why, "where": where[:300]}) + "\n")

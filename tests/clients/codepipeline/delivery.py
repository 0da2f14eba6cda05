"""CodePipeline through boto3 with what it drives: repositories, builds, functions, SageMaker pipelines, webhooks."""
import hashlib
import hmac
import io
import json
import tarfile
import time
import unittest
import urllib.error
import urllib.request
import uuid
import zipfile

import boto3

pipelines = boto3.client("codepipeline")
codecommit = boto3.client("codecommit")
codebuild = boto3.client("codebuild")
functions = boto3.client("lambda")
sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
runtime = boto3.client("sagemaker-runtime")
sqs = boto3.client("sqs")
sns = boto3.client("sns")
events = boto3.client("events")
ROLE = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
WAIT_SECONDS = 120

BUILDSPEC = """
version: 0.2
env:
  exported-variables: [TAG]
phases:
  build:
    commands:
      - test "$CODEBUILD_INITIATOR" = "codepipeline/$PIPELINE"
      - export TAG="tag-$(cat version.txt)"
      - echo "$TAG" > out.txt
artifacts:
  files: [out.txt, version.txt, buildspec.yml]
"""


SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import json, os

def model_fn(folder):
    word = open(os.path.join(folder, "word.txt")).read()
    if word == "broken":
        raise ValueError("this one does not load")
    return word

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    return {"word": model}

def output_fn(answer, accept):
    return json.dumps(answer), "application/json"
"""


def model(word):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for path, text in {"word.txt": word, "code/inference.py": SCRIPT}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            made.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def until(ask, want):
    end = time.monotonic() + WAIT_SECONDS
    while True:
        found = ask()
        if want(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"still {found}")
        time.sleep(0.02)


def action(name, category, provider, **more):
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "runOrder": 1,
        **more,
    }


def repository():
    name = f"repo-{uuid.uuid4().hex[:8]}"
    codecommit.create_repository(repositoryName=name)
    return name


def commit(name, parent=None, message="a change", **files):
    return codecommit.create_commit(
        repositoryName=name,
        branchName="main",
        commitMessage=message,
        putFiles=[{"filePath": path.replace("__", "."), "fileContent": text.encode()} for path, text in files.items()],
        **({"parentCommitId": parent} if parent else {}),
    )["commitId"]


def project(name):
    codebuild.create_project(
        name=name,
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=ROLE,
    )
    return name


def git_source(name, **more):
    return action(
        "Fetch",
        "Source",
        "CodeCommit",
        configuration={"RepositoryName": name, "BranchName": "main", **more},
        outputArtifacts=[{"name": "Code"}],
        namespace="Origin",
    )


def make(name, stages, **more):
    bucket = f"delivery-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    pipelines.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": ROLE,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": stage, "actions": actions} for stage, actions in stages],
            **more,
        }
    )


def executions(name):
    return pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]


def ended(name, number):
    """The execution that is the so-manieth of its pipeline, once it has ended."""
    listed = until(lambda: executions(name), lambda all: len(all) >= number and all[-number]["status"] != "InProgress")
    return listed[-number]


def actions(name, execution):
    found = pipelines.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution})
    return {one["actionName"]: one for one in found["actionExecutionDetails"]}


class Delivery(unittest.TestCase):
    def succeeded(self, name, number):
        execution = ended(name, number)
        shown = json.dumps(actions(name, execution["pipelineExecutionId"]), default=str, indent=1)
        self.assertEqual(execution["status"], "Succeeded", shown)
        return execution

    def test_push_to_builds_through_five_stages(self):
        name = f"d-{uuid.uuid4().hex[:8]}"
        source = repository()
        first = commit(source, buildspec__yml=BUILDSPEC, version__txt="1")
        project(f"{name}-build")

        def build(number, **more):
            environment = [{"name": "PIPELINE", "value": name, "type": "PLAINTEXT"}, *more.pop("environment", [])]
            return action(
                f"Build{number}",
                "Build",
                "CodeBuild",
                configuration={"ProjectName": f"{name}-build", "EnvironmentVariables": json.dumps(environment)},
                inputArtifacts=[{"name": f"Out{number - 1}" if number > 1 else "Code"}],
                outputArtifacts=[{"name": f"Out{number}"}],
                namespace=f"N{number}",
                **more,
            )

        stages = [("Source", [git_source(source)])]
        stages += [("S1", [build(1)])]
        stages += [(f"S{n}", [build(n, environment=[{"name": "OF", "value": f"#{{N{n - 1}.TAG}}"}])]) for n in (2, 3, 4)]
        make(name, stages)
        execution = self.succeeded(name, 1)
        self.assertEqual(execution["sourceRevisions"][0]["revisionId"], first)
        done = actions(name, execution["pipelineExecutionId"])
        self.assertEqual(done["Build1"]["output"]["outputVariables"]["TAG"], "tag-1")
        self.assertIn('"value": "tag-1"', done["Build4"]["input"]["resolvedConfiguration"]["EnvironmentVariables"])
        place = done["Build4"]["output"]["outputArtifacts"][0]["s3location"]
        body = s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
        self.assertEqual(zipfile.ZipFile(io.BytesIO(body)).read("out.txt"), b"tag-1\n")
        began = time.monotonic()
        second = commit(source, parent=first, version__txt="2")
        execution = self.succeeded(name, 2)
        print(f"push to the end of five stages: {time.monotonic() - began:.2f} s")
        self.assertEqual(execution["sourceRevisions"][0]["revisionId"], second)
        again = actions(name, execution["pipelineExecutionId"])
        self.assertEqual(again["Build4"]["output"]["outputVariables"]["TAG"], "tag-2")
        variables = again["Fetch"]["output"]["outputVariables"]
        self.assertEqual((variables["CommitMessage"], variables["BranchName"]), ("a change", "main"))
        commit(source, parent=second, buildspec__yml=BUILDSPEC.replace("echo", "exit 3; echo"))
        failed = ended(name, 3)
        self.assertEqual(failed["status"], "Failed")
        why = actions(name, failed["pipelineExecutionId"])["Build1"]["output"]["executionResult"]["errorDetails"]
        self.assertEqual(why["code"], "JobFailed")
        self.assertIn("Phase: BUILD", why["message"])

    def test_functions_and_sagemaker_pipelines(self):
        name = f"d-{uuid.uuid4().hex[:8]}"
        source = repository()
        commit(source, readme__md="hello")
        code = """
import boto3, json
def handler(event, context):
    job = event['CodePipeline.job']
    parameters = job['data']['actionConfiguration']['configuration']['UserParameters']
    artifact = job['data']['inputArtifacts'][0]['location']['s3Location']
    key = job['data']['artifactCredentials']
    s3 = boto3.client('s3', aws_access_key_id=key['accessKeyId'], aws_secret_access_key=key['secretAccessKey'], aws_session_token=key['sessionToken'])
    size = s3.head_object(Bucket=artifact['bucketName'], Key=artifact['objectKey'])['ContentLength']
    pipelines = boto3.client('codepipeline')
    if parameters == 'fail':
        pipelines.put_job_failure_result(jobId=job['id'], failureDetails={'type': 'JobFailed', 'message': 'asked to'})
    elif parameters == 'break':
        raise ValueError('broken off')
    else:
        pipelines.put_job_success_result(jobId=job['id'], outputVariables={'Said': parameters, 'Size': str(size)})
"""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as made:
            made.writestr("code.py", code)
        function = f"{name}-function"
        functions.create_function(
            FunctionName=function,
            Runtime="python3.12",
            Role=ROLE,
            Handler="code.handler",
            Code={"ZipFile": data.getvalue()},
            Timeout=60,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=function)
        definition = {
            "Version": "2020-12-01",
            "Parameters": [{"Name": "Word", "Type": "String", "DefaultValue": "none"}],
            "Steps": [
                {
                    "Name": "Judge",
                    "Type": "Condition",
                    "Arguments": {
                        "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Parameters.Word"}, "RightValue": "bad"}],
                        "IfSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "it is bad"}}],
                        "ElseSteps": [],
                    },
                }
            ],
        }
        sagemaker.create_pipeline(
            PipelineName=f"{name}-train",
            PipelineDefinition=json.dumps(definition),
            ClientRequestToken=uuid.uuid4().hex,
            RoleArn=ROLE,
        )

        def call(parameters):
            return action(
                "Call",
                "Invoke",
                "Lambda",
                configuration={"FunctionName": function, "UserParameters": parameters},
                inputArtifacts=[{"name": "Code"}],
                namespace="Function",
            )

        def train(word):
            return action(
                "Train",
                "Invoke",
                "SageMakerPipeline",
                configuration={"PipelineName": f"{name}-train", "PipelineParameters": json.dumps({"Word": word})},
                namespace="Training",
            )

        stages = [("Source", [git_source(source)]), ("Call", [call("#{variables.MODE}")]), ("Train", [train("#{Function.Said}")])]
        variables = [{"name": "MODE", "defaultValue": "good"}]
        make(name, stages, pipelineType="V2", executionMode="QUEUED", variables=variables)
        first = self.succeeded(name, 1)
        done = actions(name, first["pipelineExecutionId"])
        self.assertGreater(int(done["Call"]["output"]["outputVariables"]["Size"]), 20)
        started = done["Train"]["output"]["outputVariables"]["PipelineExecutionArn"]
        self.assertEqual(sagemaker.describe_pipeline_execution(PipelineExecutionArn=started)["PipelineExecutionStatus"], "Succeeded")
        for number, (mode, which, message) in enumerate(
            [("fail", "Call", "asked to"), ("break", "Call", "broken off"), ("bad", "Train", "it is bad")], start=2
        ):
            pipelines.start_pipeline_execution(name=name, variables=[{"name": "MODE", "value": mode}])
            failed = ended(name, number)
            self.assertEqual(failed["status"], "Failed", mode)
            result = actions(name, failed["pipelineExecutionId"])[which]["output"]["executionResult"]
            self.assertIn(message, result["errorDetails"]["message"])

    def test_endpoints_are_brought_to_packages(self):
        name = f"d-{uuid.uuid4().hex[:8]}"
        bucket = f"{name}-models"
        s3.create_bucket(Bucket=bucket)
        sagemaker.create_model_package_group(ModelPackageGroupName=name)

        def package(word, status="Approved"):
            key = f"{word}/model.tar.gz"
            s3.put_object(Bucket=bucket, Key=key, Body=model(word))
            container = {
                "Image": SKLEARN,
                "ModelDataUrl": f"s3://{bucket}/{key}",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            }
            return sagemaker.create_model_package(
                ModelPackageGroupName=name,
                ModelApprovalStatus=status,
                InferenceSpecification={
                    "Containers": [container],
                    "SupportedContentTypes": ["application/json"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
            )["ModelPackageArn"]

        first = package("one")
        source = repository()
        head = commit(source, package__txt=f"{first}\n")
        deploy = action(
            "Deploy",
            "Deploy",
            "SageMakerEndpoint",
            configuration={
                "EndpointName": name,
                "ModelPackageArn": "Code::package.txt",
                "ExecutionRoleArn": ROLE,
                "InstanceType": "ml.t2.medium",
            },
            inputArtifacts=[{"name": "Code"}],
            namespace="Production",
        )
        make(name, [("Source", [git_source(source)]), ("Production", [deploy])])

        def says():
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=b"{}")
            return json.loads(answer["Body"].read())

        done = self.succeeded(name, 1)
        self.assertEqual(says(), {"word": "one"})
        outputs = actions(name, done["pipelineExecutionId"])["Deploy"]["output"]["outputVariables"]
        self.assertEqual(outputs["ModelPackageArn"], first)
        self.assertRegex(outputs["ModelDataDigest"], "^[0-9a-f]{64}$")
        head = commit(source, parent=head, package__txt=package("two"))
        self.succeeded(name, 2)
        self.assertEqual(says(), {"word": "two"})
        head = commit(source, parent=head, package__txt=package("three", "PendingManualApproval"))
        failed = ended(name, 3)
        self.assertEqual(failed["status"], "Failed")
        why = actions(name, failed["pipelineExecutionId"])["Deploy"]["output"]["executionResult"]["errorDetails"]
        self.assertIn("Approved", why["message"])
        commit(source, parent=head, package__txt=package("broken"))
        self.assertEqual(ended(name, 4)["status"], "Failed")
        self.assertEqual(says(), {"word": "two"})
        sagemaker.delete_endpoint(EndpointName=name)

    def test_rules_start_pipelines_and_topics_tell_of_approvals(self):
        name = f"d-{uuid.uuid4().hex[:8]}"
        source = repository()
        first = commit(source, readme__md="hello")
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=name)["TopicArn"]
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue_arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        approve = action(
            "Approve",
            "Approval",
            "Manual",
            configuration={"NotificationArn": topic, "CustomData": "look at #{Origin.CommitId}", "ExternalEntityLink": "https://example.com"},
        )
        make(name, [("Source", [git_source(source, PollForSourceChanges="false")]), ("Ask", [approve])], pipelineType="V2", executionMode="QUEUED")

        def told():
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return json.loads(message["Body"])

        message = until(told, bool)
        self.assertIn("APPROVAL NEEDED", message["Subject"])
        request = json.loads(message["Message"])["approval"]
        self.assertEqual(request["customData"], f"look at {first}")
        pipelines.put_approval_result(
            pipelineName=request["pipelineName"],
            stageName=request["stageName"],
            actionName=request["actionName"],
            result={"summary": "", "status": "Approved"},
            token=request["token"],
        )
        self.succeeded(name, 1)
        pipeline_arn = pipelines.get_pipeline(name=name)["metadata"]["pipelineArn"]
        pattern = {
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Repository State Change"],
            "detail": {"event": ["referenceUpdated"], "repositoryName": [source], "referenceName": ["main"]},
        }
        rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "start", "Arn": pipeline_arn, "RoleArn": ROLE}])
        second = commit(source, parent=first, readme__md="hello again")
        message = until(told, bool)
        self.assertEqual(json.loads(message["Message"])["approval"]["customData"], f"look at {second}")
        started = executions(name)[0]
        self.assertEqual((started["trigger"]["triggerType"], started["trigger"]["triggerDetail"]), ("CloudWatchEvent", rule))
        events.remove_targets(Rule=name, Ids=["start"])
        events.delete_rule(Name=name)

    def test_webhooks(self):
        name = f"d-{uuid.uuid4().hex[:8]}"
        source = repository()
        first = commit(source, readme__md="hello")
        github = {
            "name": "Fetch",
            "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"},
            "configuration": {
                "Owner": "me",
                "Repo": source,
                "Branch": "main",
                "OAuthToken": "unused",
                "PollForSourceChanges": "false",
            },
            "outputArtifacts": [{"name": "Code"}],
        }
        make(name, [("Source", [github]), ("Ask", [action("Approve", "Approval", "Manual")])], pipelineType="V2", executionMode="PARALLEL")
        hook = pipelines.put_webhook(
            webhook={
                "name": f"{name}-hook",
                "targetPipeline": name,
                "targetAction": "Fetch",
                "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}],
                "authentication": "GITHUB_HMAC",
                "authenticationConfiguration": {"SecretToken": "a secret of ours"},
            }
        )["webhook"]
        pipelines.register_webhook_with_third_party(webhookName=f"{name}-hook")
        self.assertEqual(pipelines.list_webhooks()["webhooks"][0]["definition"]["authenticationConfiguration"], {"SecretToken": "****"})

        def send(payload, secret="a secret of ours", delivery="one", url=hook["url"]):
            body = json.dumps(payload).encode()
            signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": delivery, "Content-Type": "application/json"}
            try:
                with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        push = {"ref": "refs/heads/main", "after": first}
        self.assertEqual(send(push, secret="another")[0], 403)
        self.assertEqual(send(push, url=hook["url"][:-4] + "aaaa")[0], 403)
        self.assertEqual(len(executions(name)), 1)
        self.assertEqual(send({"ref": "refs/heads/other"})[0], 200)
        self.assertEqual(len(executions(name)), 1)
        status, execution = send(push)
        self.assertEqual(status, 200)
        self.assertEqual(send(push)[1], execution, "the same message again starts nothing")
        started = executions(name)[0]
        self.assertEqual((started["pipelineExecutionId"], started["trigger"]["triggerType"]), (execution, "Webhook"))
        until(lambda: executions(name)[0]["sourceRevisions"], lambda found: found and found[0]["revisionId"] == first)
        pipelines.delete_webhook(name=f"{name}-hook")
        self.assertEqual(send(push, delivery="two")[0], 403)


if __name__ == "__main__":
    unittest.main(verbosity=2)

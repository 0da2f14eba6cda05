"""CodePipeline through boto3: an S3 source, approvals, retries, stops, and what is refused."""
import io
import json
import time
import unittest
import uuid
import zipfile

import boto3
from botocore.exceptions import ClientError

pipelines = boto3.client("codepipeline")
s3 = boto3.client("s3")
sqs = boto3.client("sqs")
ROLE = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
WAIT_SECONDS = 60


def bucket(versioned=True):
    name = f"delivery-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def archive(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name.replace("_", "."), text)
    return data.getvalue()


def source(bucket_name, poll="false"):
    return {
        "name": "Fetch",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "runOrder": 1,
        "configuration": {"S3Bucket": bucket_name, "S3ObjectKey": "in/source.zip", "PollForSourceChanges": poll},
        "outputArtifacts": [{"name": "Code"}],
        "inputArtifacts": [],
        "namespace": "Origin",
    }


def approval(name="Approve", **configuration):
    return {
        "name": name,
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
        "runOrder": 1,
        "configuration": configuration,
        "inputArtifacts": [],
        "outputArtifacts": [],
    }


def structure(name, store, stages, **more):
    return {
        "name": name,
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": store},
        "stages": stages,
        **more,
    }


def until(ask, want):
    end = time.monotonic() + WAIT_SECONDS
    while True:
        found = ask()
        if want(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"still {found}")
        time.sleep(0.05)


def status(name, execution):
    return pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]["status"]


def stage(name, which):
    states = pipelines.get_pipeline_state(name=name)["stageStates"]
    return next(state for state in states if state["stageName"] == which)


def request(name, which="Check", action="Approve", execution=None):
    """The open approval of an execution."""

    def ask():
        state = stage(name, which)
        if execution and state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            return None
        found = next(one for one in state["actionStates"] if one["actionName"] == action)
        return found.get("latestExecution", {}).get("token")

    return until(ask, bool)


def answer(name, token, result="Approved", which="Check", action="Approve", summary="fine"):
    return pipelines.put_approval_result(
        pipelineName=name,
        stageName=which,
        actionName=action,
        result={"summary": summary, "status": result},
        token=token,
    )


class Pipelines(unittest.TestCase):
    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        return caught.exception.response["Error"]["Message"]

    def made(self, stages=None, **more):
        """A pipeline from an object to an approval, and the execution it starts with."""
        name = f"p-{uuid.uuid4().hex[:8]}"
        where = bucket()
        s3.put_object(Bucket=where, Key="in/source.zip", Body=archive(hello_txt="hello"))
        stages = stages or [{"name": "Check", "actions": [approval(CustomData="commit #{Origin.VersionId}")]}]
        pipelines.create_pipeline(
            pipeline=structure(name, where, [{"name": "Source", "actions": [source(where)]}, *stages], **more)
        )
        first = pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
        self.assertEqual(first["trigger"]["triggerType"], "CreatePipeline")
        return name, where, first["pipelineExecutionId"]

    def test_source_to_approval(self):
        name, where, execution = self.made()
        token = request(name)
        self.assertEqual(status(name, execution), "InProgress")
        self.refused("InvalidApprovalTokenException", answer, name=name, token=str(uuid.uuid4()))
        told = answer(name, token)
        self.assertTrue(told["approvedAt"])
        until(lambda: status(name, execution), lambda found: found == "Succeeded")
        self.refused("ApprovalAlreadyCompletedException", answer, name=name, token=token)
        version = s3.head_object(Bucket=where, Key="in/source.zip")["VersionId"]
        made = pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]
        self.assertEqual(made["artifactRevisions"][0]["revisionId"], version)
        details = pipelines.list_action_executions(pipelineName=name)["actionExecutionDetails"]
        self.assertEqual([one["actionName"] for one in details], ["Approve", "Fetch"])
        self.assertEqual(details[0]["input"]["resolvedConfiguration"]["CustomData"], f"commit {version}")
        self.assertEqual(details[1]["output"]["outputVariables"]["ObjectKey"], "in/source.zip")
        place = details[1]["output"]["outputArtifacts"][0]["s3location"]
        self.assertTrue(place["key"].startswith(f"{name}/Code/"))
        copied = s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
        self.assertEqual(zipfile.ZipFile(io.BytesIO(copied)).read("hello.txt"), b"hello")

    def test_reject_retry_and_tokens(self):
        name, _where, execution = self.made()
        answer(name, request(name), "Rejected", summary="not yet")
        until(lambda: status(name, execution), lambda found: found == "Failed")
        failed = stage(name, "Check")["actionStates"][0]["latestExecution"]
        self.assertEqual(failed["status"], "Failed")
        self.assertIn("not yet", failed["summary"])
        self.refused(
            "StageNotRetryableException",
            pipelines.retry_stage_execution,
            pipelineName=name,
            stageName="Source",
            pipelineExecutionId=execution,
            retryMode="FAILED_ACTIONS",
        )
        pipelines.retry_stage_execution(
            pipelineName=name, stageName="Check", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
        )
        again = request(name)
        self.assertEqual(stage(name, "Check")["retryStageMetadata"]["manualStageRetryAttempt"], 1)
        answer(name, again)
        until(lambda: status(name, execution), lambda found: found == "Succeeded")

    def test_superseded_and_transitions(self):
        name, _where, first = self.made()
        request(name, execution=first)
        second = pipelines.start_pipeline_execution(name=name)["pipelineExecutionId"]
        until(lambda: stage(name, "Check").get("inboundExecution", {}).get("pipelineExecutionId"), lambda id: id == second)
        token = str(uuid.uuid4())
        third = pipelines.start_pipeline_execution(name=name, clientRequestToken=token)["pipelineExecutionId"]
        self.assertEqual(pipelines.start_pipeline_execution(name=name, clientRequestToken=token)["pipelineExecutionId"], third)
        until(lambda: status(name, second), lambda found: found == "Superseded")
        pipelines.disable_stage_transition(
            pipelineName=name, stageName="Check", transitionType="Inbound", reason="holiday"
        )
        self.assertEqual(stage(name, "Check")["inboundTransitionState"]["disabledReason"], "holiday")
        answer(name, request(name))
        until(lambda: status(name, first), lambda found: found == "Succeeded")
        self.assertEqual(status(name, third), "InProgress")
        pipelines.enable_stage_transition(pipelineName=name, stageName="Check", transitionType="Inbound")
        answer(name, request(name, execution=third))
        until(lambda: status(name, third), lambda found: found == "Succeeded")

    def test_stop(self):
        name, _where, execution = self.made()
        request(name)
        pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, reason="wait")
        self.refused(
            "DuplicatedStopRequestException",
            pipelines.stop_pipeline_execution,
            pipelineName=name,
            pipelineExecutionId=execution,
        )
        self.assertEqual(status(name, execution), "Stopping")
        pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True)
        until(lambda: status(name, execution), lambda found: found == "Stopped")
        self.assertEqual(stage(name, "Check")["actionStates"][0]["latestExecution"]["status"], "Abandoned")
        self.refused(
            "PipelineExecutionNotStoppableException",
            pipelines.stop_pipeline_execution,
            pipelineName=name,
            pipelineExecutionId=execution,
        )

    def test_rollback_and_variables(self):
        stages = [{"name": "Check", "actions": [approval(CustomData="#{variables.WHO} #{codepipeline.PipelineExecutionId}")]}]
        variables = [{"name": "WHO", "defaultValue": "nobody"}]
        name, _where, first = self.made(stages, pipelineType="V2", executionMode="QUEUED", variables=variables)
        answer(name, request(name, execution=first))
        until(lambda: status(name, first), lambda found: found == "Succeeded")
        second = pipelines.start_pipeline_execution(name=name, variables=[{"name": "WHO", "value": "me"}])
        second = second["pipelineExecutionId"]
        answer(name, request(name, execution=second), "Rejected")
        until(lambda: status(name, second), lambda found: found == "Failed")
        self.refused(
            "UnableToRollbackStageException",
            pipelines.rollback_stage,
            pipelineName=name,
            stageName="Check",
            targetPipelineExecutionId=second,
        )
        back = pipelines.rollback_stage(pipelineName=name, stageName="Check", targetPipelineExecutionId=first)
        back = back["pipelineExecutionId"]
        answer(name, request(name, execution=back))
        until(lambda: status(name, back), lambda found: found == "Succeeded")
        made = pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=back)["pipelineExecution"]
        self.assertEqual(made["executionType"], "ROLLBACK")
        self.assertEqual(made["rollbackMetadata"]["rollbackTargetPipelineExecutionId"], first)
        details = pipelines.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": second})
        pages = pipelines.get_paginator("list_action_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 1})
        seen = [(one["pipelineExecutionId"], one["actionName"]) for page in pages for one in page["actionExecutionDetails"]]
        self.assertEqual(seen, [(back, "Approve"), (second, "Approve"), (second, "Fetch"), (first, "Approve"), (first, "Fetch")])
        pages = pipelines.get_paginator("list_pipeline_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 1})
        seen = [one["pipelineExecutionId"] for page in pages for one in page["pipelineExecutionSummaries"]]
        self.assertEqual(seen, [back, second, first])
        custom = details["actionExecutionDetails"][0]["input"]["resolvedConfiguration"]["CustomData"]
        self.assertEqual(custom, f"me {second}")

    def test_actions_have_their_own_roles(self):
        iam = boto3.client("iam")
        name, where = f"p-{uuid.uuid4().hex[:8]}", bucket()
        s3.put_object(Bucket=where, Key="in/source.zip", Body=archive(a="1"))

        def role(suffix, principal, *statements):
            trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            made = iam.create_role(RoleName=f"{name}-{suffix}", AssumeRolePolicyDocument=document)["Role"]["Arn"]
            allow(suffix, *statements)
            return made

        def allow(suffix, *statements):
            given = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
            document = json.dumps({"Version": "2012-10-17", "Statement": given})
            iam.put_role_policy(RoleName=f"{name}-{suffix}", PolicyName="own", PolicyDocument=document)

        fetcher = role("fetch", {"AWS": "arn:aws:iam::123456789012:root"}, ("s3:*", "*"))
        own = role("own", {"Service": "codepipeline.amazonaws.com"}, ("sts:AssumeRole", fetcher))
        fetch = {**source(where), "roleArn": fetcher}
        made = structure(name, where, [{"name": "Source", "actions": [fetch]}, {"name": "Check", "actions": [approval()]}])
        pipelines.create_pipeline(pipeline={**made, "roleArn": own})
        request(name)
        self.assertEqual(stage(name, "Source")["latestExecution"]["status"], "Succeeded")
        allow("own", ("s3:*", "*"))
        second = pipelines.start_pipeline_execution(name=name)["pipelineExecutionId"]
        until(lambda: status(name, second), lambda found: found == "Failed")
        why = stage(name, "Source")["actionStates"][0]["latestExecution"]["errorDetails"]
        self.assertEqual(why["code"], "PermissionError")
        self.assertIn("sts:AssumeRole", why["message"])
        wrong = {**made, "name": f"{name}-wrong", "roleArn": fetcher}
        said = self.refused("InvalidStructureException", pipelines.create_pipeline, pipeline=wrong)
        self.assertIn("is not authorized to perform AssumeRole on role", said)

    def test_a_changed_object_starts_it(self):
        name, where = f"p-{uuid.uuid4().hex[:8]}", bucket()
        s3.put_bucket_notification_configuration(
            Bucket=where, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        s3.put_object(Bucket=where, Key="in/source.zip", Body=archive(a="1"))
        pipelines.create_pipeline(
            pipeline=structure(
                name,
                where,
                [{"name": "Source", "actions": [source(where, "true")]}, {"name": "Check", "actions": [approval()]}],
            )
        )
        request(name)
        put = s3.put_object(Bucket=where, Key="in/source.zip", Body=archive(a="2"))
        listed = until(
            lambda: pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"],
            lambda found: len(found) == 2 and found[0]["sourceRevisions"],
        )
        self.assertEqual(listed[0]["trigger"]["triggerType"], "PollForSourceChanges")
        self.assertEqual(listed[0]["sourceRevisions"][0]["revisionId"], put["VersionId"])

    def test_refusals(self):
        where = bucket()
        good = [{"name": "Source", "actions": [source(where)]}, {"name": "Check", "actions": [approval()]}]

        def create(stages, **more):
            pipelines.create_pipeline(pipeline=structure("refused", where, stages, **more))

        self.refused("InvalidStructureException", create, stages=good[:1])
        self.refused("InvalidStructureException", create, stages=[good[1], good[0]])
        self.refused("InvalidStructureException", create, stages=good, executionMode="QUEUED")
        cloud = approval("Stack")
        cloud["actionTypeId"] = {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"}
        said = self.refused(
            "InvalidActionDeclarationException", create, stages=[good[0], {"name": "Deploy", "actions": [cloud]}]
        )
        self.assertIn("CloudFormation", said)
        said = self.refused(
            "InvalidActionDeclarationException",
            create,
            stages=[good[0], {"name": "Check", "actions": [approval(CustomData="#{Nobody.Knows}")]}],
        )
        self.assertIn("stages[1].actions[0].configuration.CustomData", said)
        self.refused("PipelineNotFoundException", pipelines.get_pipeline, name="nothing-here")
        unversioned = bucket(versioned=False)
        s3.put_object(Bucket=unversioned, Key="in/source.zip", Body=b"x")
        name = f"p-{uuid.uuid4().hex[:8]}"
        pipelines.create_pipeline(
            pipeline=structure(name, where, [{"name": "Source", "actions": [source(unversioned)]}, good[1]])
        )
        self.refused("PipelineNameInUseException", pipelines.create_pipeline, pipeline=structure(name, where, good))
        execution = pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
        until(lambda: status(name, execution["pipelineExecutionId"]), lambda found: found == "Failed")
        why = stage(name, "Source")["actionStates"][0]["latestExecution"]["errorDetails"]
        self.assertIn("versioning", why["message"])

    def test_update_get_list_delete_tags(self):
        name, where, execution = self.made()
        arn = pipelines.get_pipeline(name=name)["metadata"]["pipelineArn"]
        changed = pipelines.get_pipeline(name=name)["pipeline"]
        changed["stages"][1]["name"] = "Ask"
        self.assertEqual(pipelines.update_pipeline(pipeline=changed)["pipeline"]["version"], 2)
        self.assertEqual(pipelines.get_pipeline(name=name, version=1)["pipeline"]["stages"][1]["name"], "Check")
        self.refused("PipelineVersionNotFoundException", pipelines.get_pipeline, name=name, version=9)
        self.assertIn(name, [one["name"] for one in pipelines.list_pipelines()["pipelines"]])
        pipelines.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "ml"}])
        self.assertEqual(pipelines.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "team", "value": "ml"}])
        pipelines.untag_resource(resourceArn=arn, tagKeys=["team"])
        self.assertEqual(pipelines.list_tags_for_resource(resourceArn=arn)["tags"], [])
        pipelines.delete_pipeline(name=name)
        pipelines.delete_pipeline(name=name)
        self.refused("PipelineNotFoundException", pipelines.get_pipeline_state, name=name)


if __name__ == "__main__":
    unittest.main(verbosity=2)

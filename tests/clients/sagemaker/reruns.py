"""Running again: results taken from the cache, executions retried and started from selected steps, versions of a pipeline."""
import unittest

from account import (
    BUCKET, ROLE, create_pipeline, definition, error_of, get, processing_step, put, sagemaker, settled_execution, start, steps_of,
)

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}
COPY = "import pathlib; pathlib.Path('/opt/ml/processing/out/o/value').write_text(pathlib.Path('/opt/ml/processing/in/i/value').read_text())"


def copying(name, source, **more):
    """A step that copies the object `value` below `source` to an output of its own."""
    step = processing_step(name, more.pop("script", COPY), **more)
    arguments = step["Arguments"]
    arguments["ProcessingInputs"].append({"InputName": "i", "S3Input": {
        "S3Uri": source, "LocalPath": "/opt/ml/processing/in/i", "S3DataType": "S3Prefix", "S3InputMode": "File"}})
    place = {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}/reruns", {"Get": "Execution.PipelineExecutionId"}, name]}}
    arguments["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "o", "S3Output": {
        "S3Uri": place, "LocalPath": "/opt/ml/processing/out/o", "S3UploadMode": "EndOfJob"}}]}
    return step


def output_of(step):
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}


def update(name, steps):
    return sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(steps))["PipelineVersionId"]


def succeeded(arn):
    described = settled_execution(arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")
    return steps_of(arn)


def hits(arn):
    """The execution whose result each step took; None for steps that ran."""
    return {name: step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn") for name, step in succeeded(arn).items()}


class Cache(unittest.TestCase):
    def test_unchanged_steps_are_not_run_again(self):
        data = put("reruns/cache/value", "1").removesuffix("/value")
        steps = [copying("First", data, **CACHED), copying("Second", output_of("First"), **CACHED)]
        create_pipeline("cached", steps)
        first = start("cached")
        self.assertEqual(hits(first), {"First": None, "Second": None})
        second = start("cached")
        self.assertEqual(hits(second), {"First": first, "Second": first})
        self.assertEqual(steps_of(second)["Second"]["Metadata"], steps_of(first)["Second"]["Metadata"])
        steps[1]["Arguments"]["Environment"] = {"DEPTH": "4"}
        update("cached", steps)
        self.assertEqual(hits(start("cached")), {"First": first, "Second": None})
        steps[1]["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 77}
        update("cached", steps)
        self.assertNotIn(None, hits(start("cached")).values(), "the stopping condition is no part of the key")

    def test_overwritten_data(self):
        data = put("reruns/overwritten/value", "1").removesuffix("/value")
        arn = create_pipeline("overwritten", [copying("Only", data, **CACHED)])
        first = start("overwritten")
        self.assertEqual(hits(first), {"Only": None})
        put("reruns/overwritten/value", "2")
        self.assertEqual(hits(start("overwritten")), {"Only": first}, "the documented key knows addresses only")
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "slipway:cache", "Value": "content"}])
        fresh = start("overwritten")
        self.assertEqual(hits(fresh), {"Only": None})
        self.assertEqual(hits(start("overwritten")), {"Only": fresh})
        put("reruns/overwritten/value", "3")
        last = start("overwritten")
        self.assertEqual(hits(last), {"Only": None})
        self.assertEqual(get(f"s3://{BUCKET}/reruns/{last.split('/')[-1]}/Only/value"), b"3")


class Retries(unittest.TestCase):
    def test_a_policy_with_two_limits_is_refused(self):
        policy = {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2, "ExpireAfterMin": 3}
        code, message = error_of(create_pipeline, name="limits", steps=[processing_step("A", "pass", RetryPolicies=[policy])])
        self.assertEqual((code, "Steps[0].RetryPolicies[0]" in message), ("ValidationException", True), message)

    def test_a_failed_execution_goes_on(self):
        # fails as long as the flag is not there: something outside was mended
        flag = f"s3://{BUCKET}/reruns/flag/value"
        put("reruns/flag/other", "1")
        needs = "import pathlib; pathlib.Path('/opt/ml/processing/in/i/value').read_text()"
        policies = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 3, "IntervalSeconds": 1}]
        create_pipeline("retried", [
            processing_step("Before", "pass"),
            copying("Needs", flag.removesuffix("/value"), script=needs, DependsOn=["Before"], RetryPolicies=policies),
            processing_step("Behind", "pass", DependsOn=["Needs"])])
        arn = start("retried")
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Failed")
        before = steps_of(arn)
        self.assertEqual({name: step["StepStatus"] for name, step in before.items()}, {"Before": "Succeeded", "Needs": "Failed"})
        self.assertEqual(before["Needs"]["AttemptCount"], 1, "the user's own failure is no internal error")
        put("reruns/flag/value", "there")
        token = "retry".ljust(32, "-")
        for _ in range(2):
            again = sagemaker.retry_pipeline_execution(
                PipelineExecutionArn=arn, ClientRequestToken=token, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
            self.assertEqual(again["PipelineExecutionArn"], arn)
        after = succeeded(arn)
        self.assertEqual(after["Before"], before["Before"], "what succeeded did not run again")
        self.assertNotEqual(after["Needs"]["Metadata"], before["Needs"]["Metadata"])
        self.assertNotIn("FailureReason", after["Needs"])
        code, message = error_of(sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="more".ljust(32, "-"))
        self.assertEqual((code, "Succeeded" in message), ("ConflictException", True), message)

    def test_what_a_fail_step_ended_is_not_retried(self):
        equals = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
        create_pipeline("ended", [{"Name": "Check", "Type": "Condition", "Arguments": {"Conditions": [equals], "IfSteps": [
            {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}], "ElseSteps": []}}])
        arn = start("ended")
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Failed")
        code, message = error_of(sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
        self.assertEqual((code, "Fail step 'End'" in message), ("ConflictException", True), message)


def select(pipeline, names, source=None):
    config = {"SelectedSteps": [{"StepName": name} for name in names], **({"SourcePipelineExecutionArn": source} if source else {})}
    return sagemaker.start_pipeline_execution(PipelineName=pipeline, SelectiveExecutionConfig=config)["PipelineExecutionArn"]


class Selections(unittest.TestCase):
    def test_selected_steps_with_the_inputs_of_another_execution(self):
        data = put("reruns/selected/value", "7").removesuffix("/value")
        create_pipeline("selected", [copying("A", data), copying("B", output_of("A")), copying("C", output_of("B"))])
        source = start("selected")
        whole = succeeded(source)
        for names, text in [(["A", "C"], "Select 'B' as well"), (["B", "Nope"], "There is no step 'Nope'")]:
            code, message = error_of(select, pipeline="selected", names=names, source=source)
            self.assertEqual((code, text in message), ("ValidationException", True), message)
        code, message = error_of(select, pipeline="selected", names=["B"])
        self.assertEqual((code, "SourcePipelineExecutionArn" in message), ("ValidationException", True), message)
        arn = select("selected", ["B", "C"], source)
        steps = succeeded(arn)
        self.assertEqual(steps["A"]["SelectiveExecutionResult"], {"SourcePipelineExecutionArn": source})
        self.assertEqual(steps["A"]["Metadata"], whole["A"]["Metadata"])
        self.assertNotEqual(steps["B"]["Metadata"], whole["B"]["Metadata"])
        self.assertEqual(get(f"s3://{BUCKET}/reruns/{arn.split('/')[-1]}/C/value"), b"7")
        told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["SelectiveExecutionConfig"]
        self.assertEqual(told, {"SourcePipelineExecutionArn": source, "SelectedSteps": [{"StepName": "B"}, {"StepName": "C"}]})

    def test_an_execution_of_an_earlier_version(self):
        create_pipeline("versioned", [processing_step("Old", "pass")])
        self.assertEqual(update("versioned", [processing_step("New", "pass")]), 2)
        arn = sagemaker.start_pipeline_execution(PipelineName="versioned", PipelineVersionId=1)["PipelineExecutionArn"]
        self.assertEqual(set(succeeded(arn)), {"Old"})
        self.assertEqual(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineVersionId"], 1)
        self.assertEqual(set(succeeded(start("versioned"))), {"New"})
        code, message = error_of(sagemaker.start_pipeline_execution, PipelineName="versioned", PipelineVersionId=3)
        self.assertEqual((code, "version 3" in message), ("ResourceNotFound", True), message)
        self.assertEqual(error_of(sagemaker.create_pipeline, PipelineName="versioned", RoleArn=ROLE, PipelineDefinition="{}",
                                  ClientRequestToken="x" * 32)[0], "ValidationException")


if __name__ == "__main__":
    unittest.main()

"""Pipelines by plain calls: definitions that are wrong, branches that run, executions that fail or are stopped."""
import json
import time
import unittest

from account import (
    BUCKET, ROLE, create_pipeline, definition, error_of, get, keys_under, log_of, processing_step, put, sagemaker, settled,
    settled_execution, start, start_processing, steps_of,
)

DONE = "pass"


def condition(name, outcome, then=(), otherwise=(), **more):
    """A Condition step that compares 1 with 1, or with 2."""
    equals = {"Type": "Equals", "LeftValue": 1, "RightValue": 1 if outcome else 2}
    return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": [equals], "IfSteps": list(then), "ElseSteps": list(otherwise)}, **more}


def fail_step(name, message, **more):
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


class Definitions(unittest.TestCase):
    def refused(self, steps, *texts, parameters=()):
        code, message = error_of(create_pipeline, name="wrong", steps=steps, parameters=parameters)
        self.assertEqual(code, "ValidationException")
        for text in texts:
            self.assertIn(text, message)
        self.assertEqual(error_of(sagemaker.describe_pipeline, PipelineName="wrong")[0], "ResourceNotFound", "nothing half-written")

    def test_graphs_that_cannot_run(self):
        self.refused([processing_step("A", DONE, DependsOn=["B"]), processing_step("B", DONE, DependsOn=["A"])], "cycle", "A", "B")
        self.refused([processing_step("Lonely", DONE, DependsOn=["Nobody"])], "Lonely", "Nobody")
        self.refused([processing_step("Twin", DONE), processing_step("Twin", DONE)], "Twin")
        self.refused([], "Steps")

    def test_references_that_lead_nowhere(self):
        def reading(path):
            return [processing_step("First", DONE, outputs={"o": f"s3://{BUCKET}/p"}),
                    processing_step("Second", DONE, Environment=None, DependsOn=["First"]) | {
                        "Arguments": {**processing_step("x", DONE)["Arguments"], "Environment": {"PLACE": {"Get": path}}}}]

        self.refused(reading("Steps.First.ProcessingOutputConfig.Outputs['o'].S3OutputLocation"), "Second", "S3OutputLocation")
        self.refused(reading("Steps.First.ProcessingOutputConfig.Outputs['other'].S3Output.S3Uri"), "Second", "other")
        self.refused(reading("Steps.Third.ProcessingJobName"), "Second", "Third")
        self.refused(reading("Parameters.Unknown"), "Second", "Unknown")
        self.refused(reading("Execution.Weather"), "Second", "Weather")

    def test_files_that_are_not_declared(self):
        reads = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.Report"}, "Path": "accuracy"}}
        decides = condition("Decide", True)
        decides["Arguments"]["Conditions"] = [{"Type": "GreaterThan", "LeftValue": reads, "RightValue": 0.5}]
        self.refused([processing_step("Measure", DONE), decides], "Decide", "Report")
        measure = processing_step("Measure", DONE, PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "none", "FilePath": "r.json"}])
        self.refused([measure, decides], "Measure", "none")

    def test_language(self):
        step = processing_step("Odd", DONE)
        self.refused([{**step, "Colour": "red"}], "Odd", "Colour")
        self.refused([{**step, "Type": "Dancing"}], "Odd", "Dancing")
        self.refused([{"Name": "Tune", "Type": "Tuning", "Arguments": {}}], "Tune", "Tuning")
        self.refused([step], "Parameters[0].Type", "Number", parameters=[{"Name": "Rate", "Type": "Number"}])
        for text, part in {"{": "JSON", "[]": "object", json.dumps({"Version": "1999-01-01", "Steps": []}): "1999-01-01"}.items():
            code, message = error_of(sagemaker.create_pipeline, PipelineName="wrong", RoleArn=ROLE, PipelineDefinition=text, ClientRequestToken="t" * 32)
            self.assertEqual((code, part in message), ("ValidationException", True), message)

    def test_several_problems_are_told_at_once(self):
        self.refused([processing_step("One", DONE, DependsOn=["Nobody"]), processing_step("Two", DONE, DependsOn=["Nowhere"])], "Nobody", "Nowhere")

    def test_definition_in_s3(self):
        put("definitions/good.json", definition([processing_step("Only", DONE)]))
        place = {"Bucket": BUCKET, "ObjectKey": "definitions/good.json"}
        sagemaker.create_pipeline(PipelineName="from-s3", RoleArn=ROLE, PipelineDefinitionS3Location=place, ClientRequestToken="t" * 32)
        described = sagemaker.describe_pipeline(PipelineName="from-s3")
        self.assertEqual(json.loads(described["PipelineDefinition"])["Steps"][0]["Name"], "Only")
        self.assertEqual(described["PipelineDisplayName"], "from-s3", "whoever gives no display name gets the name")
        code, message = error_of(sagemaker.create_pipeline, PipelineName="from-nowhere", RoleArn=ROLE, ClientRequestToken="t" * 32,
                                 PipelineDefinitionS3Location={"Bucket": BUCKET, "ObjectKey": "definitions/none.json"})
        self.assertEqual((code, "definitions/none.json" in message), ("ValidationException", True), message)


class Pipelines(unittest.TestCase):
    def test_names_tokens_versions_and_pages(self):
        first = {"PipelineDescription": "first", "Tags": [{"Key": "a", "Value": "1"}]}
        arn = create_pipeline("listed-0", [processing_step("Only", DONE)], **first)
        self.assertEqual(create_pipeline("listed-0", [processing_step("Only", DONE)], **first), arn, "the same token")
        code, message = error_of(sagemaker.create_pipeline, PipelineName="listed-0", RoleArn=ROLE,
                                 ClientRequestToken="create-listed-0".ljust(32, "-"), PipelineDescription="not the first",
                                 PipelineDefinition=definition([processing_step("Only", DONE)]))
        self.assertEqual((code, "client token" in message), ("ConflictException", True), message)
        code, message = error_of(sagemaker.create_pipeline, PipelineName="listed-0", RoleArn=ROLE, ClientRequestToken="another".ljust(32, "-"),
                                 PipelineDefinition=definition([processing_step("Only", DONE)]))
        self.assertEqual((code, "already exists" in message), ("ValidationException", True), message)
        for at in range(1, 5):
            create_pipeline(f"listed-{at}", [processing_step("Only", DONE)])
        pages = sagemaker.get_paginator("list_pipelines").paginate(
            PipelineNamePrefix="listed", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2})
        self.assertEqual([[one["PipelineName"] for one in page["PipelineSummaries"]] for page in pages],
                         [["listed-0", "listed-1"], ["listed-2", "listed-3"], ["listed-4"]])
        sagemaker.update_pipeline(PipelineName="listed-0", PipelineDefinition=definition([processing_step("Other", DONE)]), PipelineDescription="second")
        described = sagemaker.describe_pipeline(PipelineName="listed-0")
        self.assertEqual(described["PipelineDescription"], "second")
        self.assertGreater(described["LastModifiedTime"], described["CreationTime"])
        versions = sagemaker.list_pipeline_versions(PipelineName=arn)["PipelineVersionSummaries"]
        self.assertEqual(sorted(one["PipelineVersionId"] for one in versions), [1, 2])
        sagemaker.update_pipeline_version(PipelineArn=arn, PipelineVersionId=1, PipelineVersionDescription="as it began")
        first = sagemaker.describe_pipeline(PipelineName="listed-0", PipelineVersionId=1)["PipelineDefinition"]
        self.assertIn('"Only"', first)
        for at in range(5):
            sagemaker.delete_pipeline(PipelineName=f"listed-{at}", ClientRequestToken="d" * 32)
        for call in sagemaker.describe_pipeline, sagemaker.update_pipeline, sagemaker.start_pipeline_execution, sagemaker.list_pipeline_executions:
            code, message = error_of(call, PipelineName="listed-0")
            self.assertEqual((code, "does not exist" in message), ("ResourceNotFound", True), message)
        self.assertEqual(sagemaker.list_pipelines(PipelineNamePrefix="listed")["PipelineSummaries"], [])

    def test_parameters(self):
        create_pipeline("parameters", [processing_step("Say", "import os; print(os.environ['ALL'])") | {"Arguments": {
            **processing_step("x", "import os; print(os.environ['ALL'])")["Arguments"],
            "Environment": {"ALL": {"Std:Join": {"On": "|", "Values": [{"Get": f"Parameters.{name}"} for name in ("S", "I", "F", "B")]}}}}}], [
            {"Name": "S", "Type": "String", "DefaultValue": "red", "EnumValues": ["red", "blue"]}, {"Name": "I", "Type": "Integer"},
            {"Name": "F", "Type": "Float", "DefaultValue": 0.5}, {"Name": "B", "Type": "Boolean", "DefaultValue": True}])
        for given, text in [({}, "I"), ({"I": "1", "Nope": "x"}, "Nope"), ({"I": "one"}, "one"), ({"I": "1", "S": "green"}, "green"),
                            ({"I": "1", "F": "half"}, "half"), ({"I": "1", "B": "maybe"}, "maybe")]:
            code, message = error_of(start, pipeline="parameters", **given)
            self.assertEqual((code, text in message), ("ValidationException", True), (given, message))
        arn = start("parameters", I="7", S="blue", F="2.5", B="False")
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Succeeded")
        listed = {one["Name"]: one["Value"] for one in sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]}
        self.assertEqual(listed, {"S": "blue", "I": "7", "F": "2.5", "B": "False"})
        job = steps_of(arn)["Say"]["Metadata"]["ProcessingJob"]["Arn"].split("/")[1]
        self.assertRegex(log_of("ProcessingJobs", job)[-1], r"^blue\|7\|2\.5\|(F|f)alse$")

    def test_executions_are_listed_renamed_and_started_once(self):
        create_pipeline("executed", [condition("Nothing", True)])
        arns = [start("executed", token=f"{at}" * 32) for at in range(3)]
        self.assertEqual(start("executed", token="0" * 32), arns[0], "the same token")
        for arn in arns:
            self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Succeeded")
        pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName="executed", PaginationConfig={"PageSize": 2})
        self.assertEqual([one["PipelineExecutionArn"] for page in pages for one in page["PipelineExecutionSummaries"]], arns[::-1])
        sagemaker.update_pipeline_execution(PipelineExecutionArn=arns[0], PipelineExecutionDisplayName="Renamed")
        self.assertEqual(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arns[0])["PipelineExecutionDisplayName"], "Renamed")
        shown = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arns[0])["PipelineDefinition"]
        self.assertEqual(json.loads(shown)["Steps"][0]["Name"], "Nothing")
        code, message = error_of(sagemaker.describe_pipeline_execution, PipelineExecutionArn=arns[0][:-1] + "0")
        self.assertEqual((code, "does not exist" in message), ("ResourceNotFound", True), message)
        self.assertEqual(error_of(sagemaker.stop_pipeline_execution, PipelineExecutionArn=arns[0], ClientRequestToken="s" * 32)[0], "ConflictException")


class Executions(unittest.TestCase):
    def test_branches_within_branches(self):
        create_pipeline("nested", [
            condition("Outer", True, then=[
                processing_step("Before", DONE),
                condition("Inner", False, then=[fail_step("Never", "no")], otherwise=[processing_step("Chosen", DONE)], DependsOn=["Before"]),
            ], otherwise=[processing_step("Untaken", DONE)]),
            processing_step("After", DONE, DependsOn=["Outer"]),
        ])
        arn = start("nested")
        described = settled_execution(arn)
        self.assertEqual(described["PipelineExecutionStatus"], "Succeeded", described.get("FailureReason"))
        steps = steps_of(arn)
        self.assertEqual(set(steps), {"Outer", "Before", "Inner", "Chosen", "After"})
        self.assertEqual([steps[name]["Metadata"]["Condition"]["Outcome"] for name in ("Outer", "Inner")], ["True", "False"])
        self.assertGreaterEqual(steps["After"]["StartTime"], steps["Chosen"]["EndTime"])
        self.assertGreaterEqual(steps["Inner"]["StartTime"], steps["Before"]["EndTime"])

    def test_a_fail_step_says_why(self):
        create_pipeline("failing", [condition("Check", False, otherwise=[
            fail_step("Reject", {"Std:Join": {"On": " ", "Values": ["accuracy below", {"Get": "Parameters.Least"}]}})])],
            [{"Name": "Least", "Type": "Float", "DefaultValue": 0.9}])
        arn = start("failing")
        described = settled_execution(arn)
        self.assertEqual(described["PipelineExecutionStatus"], "Failed")
        self.assertIn("Reject", described["FailureReason"])
        step = steps_of(arn)["Reject"]
        self.assertEqual((step["StepStatus"], step["Metadata"]["Fail"]["ErrorMessage"]), ("Failed", "accuracy below 0.9"))

    def test_a_failed_job_fails_what_waits_for_it_and_nothing_else(self):
        create_pipeline("half", [
            processing_step("Bad", "raise KeyError('label')"), processing_step("Behind", DONE, DependsOn=["Bad"]),
            processing_step("Beside", "import time; time.sleep(1)")])
        arn = start("half")
        described = settled_execution(arn)
        self.assertEqual(described["PipelineExecutionStatus"], "Failed")
        steps = steps_of(arn)
        self.assertEqual({name: step["StepStatus"] for name, step in steps.items()}, {"Bad": "Failed", "Beside": "Succeeded"})
        self.assertRegex(steps["Bad"]["FailureReason"], "AlgorithmError: (?s:.*)KeyError: 'label'(?s:.*)exit code: 1")

    def test_branches_run_side_by_side_within_the_limit(self):
        steps = [processing_step(f"Side{at}", "import time; time.sleep(0.5)") for at in range(4)]
        create_pipeline("wide", steps, ParallelismConfiguration={"MaxParallelExecutionSteps": 2})

        def most_at_once(arn):
            self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Succeeded")
            spans = [(step["StartTime"], step["EndTime"]) for step in steps_of(arn).values()]
            self.assertEqual(len(spans), 4)
            return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)

        self.assertEqual(most_at_once(start("wide")), 2)
        narrow = sagemaker.start_pipeline_execution(PipelineName="wide", ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
        self.assertEqual(most_at_once(narrow["PipelineExecutionArn"]), 1)

    def test_property_files(self):
        script = "import sys; open('/opt/ml/processing/out/o/r.json', 'w').write(%r)"
        for name, content, file, text in [
            ("report-good", '{"a": {"b": [1, {"c": 0.75}]}}', "r.json", None),
            ("report-absent", "{}", "other.json", "other.json"),
            ("report-broken", "{not json", "r.json", "r.json"),
            ("report-empty", "{}", "r.json", "a.b[1].c"),
        ]:
            measure = processing_step("Measure", script % content, outputs={"o": f"s3://{BUCKET}/reports/{name}"},
                                      PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "o", "FilePath": file}])
            decide = condition("Decide", True, then=[fail_step("Low", "low")])
            reads = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.Report"}, "Path": "a.b[1].c"}}
            decide["Arguments"]["Conditions"] = [{"Type": "LessThan", "LeftValue": reads, "RightValue": 0.5}]
            create_pipeline(name, [measure, decide])
            arn = start(name)
            described = settled_execution(arn)
            if text is None:
                self.assertEqual(described["PipelineExecutionStatus"], "Succeeded", described.get("FailureReason"))
                self.assertEqual(steps_of(arn)["Decide"]["Metadata"]["Condition"]["Outcome"], "False")
            else:
                self.assertEqual(described["PipelineExecutionStatus"], "Failed")
                self.assertIn(text, steps_of(arn)["Decide"]["FailureReason"])

    def test_values_pass_from_step_to_step(self):
        make = processing_step("Make", "open('/opt/ml/processing/out/o/n.txt', 'w').write('41')")
        make["Arguments"]["ProcessingOutputConfig"]["Outputs"] = [{"OutputName": "o", "S3Output": {
            "S3Uri": {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}/passed", {"Get": "Execution.PipelineExecutionId"}]}},
            "LocalPath": "/opt/ml/processing/out/o", "S3UploadMode": "EndOfJob"}}]
        use = processing_step("Use", "n = int(open('/opt/ml/processing/in/n/n.txt').read()); open('/opt/ml/processing/out/r/r.txt', 'w').write(str(n + 1))",
                              outputs={"r": f"s3://{BUCKET}/passed/result"})
        use["Arguments"]["ProcessingInputs"].append({"InputName": "n", "S3Input": {
            "S3Uri": {"Get": "Steps.Make.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"},
            "LocalPath": "/opt/ml/processing/in/n", "S3DataType": "S3Prefix", "S3InputMode": "File"}})
        create_pipeline("passing", [use, make])  # the reference orders them, not the list
        arn = start("passing")
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Succeeded")
        self.assertEqual(get(f"s3://{BUCKET}/passed/result/r.txt"), b"42")
        self.assertEqual(keys_under(f"s3://{BUCKET}/passed/{arn.split('/')[-1]}"), ["/n.txt"])

    def test_stopping(self):
        create_pipeline("stopped", [processing_step("Long", "import time; time.sleep(600)"), processing_step("Next", DONE, DependsOn=["Long"])])
        arn = start("stopped")
        settled(lambda: {"started": "Metadata" in steps_of(arn).get("Long", {})}, "started", (False,))
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Stopped")
        steps = steps_of(arn)
        self.assertEqual({name: step["StepStatus"] for name, step in steps.items()}, {"Long": "Stopped"})
        job = steps["Long"]["Metadata"]["ProcessingJob"]["Arn"].split("/")[1]
        self.assertEqual(sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"], "Stopped")
        code, message = error_of(start_processing, name=job, script=DONE)
        self.assertEqual(code, "ResourceInUse", message)

    def test_failures_before_a_job_exists(self):
        step = processing_step("Impossible", DONE)
        step["Arguments"]["AppSpecification"]["ImageUri"] = "example.com/none:1"
        create_pipeline("impossible", [step])
        arn = start("impossible")
        self.assertEqual(settled_execution(arn)["PipelineExecutionStatus"], "Failed")
        self.assertIn("example.com/none:1", steps_of(arn)["Impossible"]["FailureReason"])


if __name__ == "__main__":
    unittest.main()

"""CodeBuild through boto3: projects, builds that really run, their artifacts and reports."""
import hashlib
import io
import time
import unittest
import zipfile

import boto3
from botocore.exceptions import ClientError

codebuild, s3, logs = (boto3.client(name) for name in ("codebuild", "s3", "logs"))
ROLE = "arn:aws:iam::123456789012:role/service-role/codebuild-app"
BUCKET = "codebuild-client"
PHASES = ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD",
          "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"]


def project(name, buildspec="", **more):
    settings = {
        "source": {"type": "NO_SOURCE", "buildspec": buildspec}, "artifacts": {"type": "NO_ARTIFACTS"}, "serviceRole": ROLE,
        "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
    }
    return codebuild.create_project(name=name, **{**settings, **more})["project"]


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return made.getvalue()


def get(build_id):
    return codebuild.batch_get_builds(ids=[build_id])["builds"][0]


def until(build_id, holds):
    while not holds(build := get(build_id)):
        time.sleep(0.05)
    return build


def ended(build_id):
    return until(build_id, lambda build: build["buildComplete"])


def run(name, **more):
    return ended(codebuild.start_build(projectName=name, **more)["build"]["id"])


def log(build):
    where = build["logs"]
    events = logs.get_log_events(logGroupName=where["groupName"], logStreamName=where["streamName"], startFromHead=True)
    return [event["message"] for event in events["events"]]


class CodeBuild(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)

    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_projects(self):
        made = project("kept", "version: 0.2", tags=[{"key": "team", "value": "a"}])
        self.assertEqual(made["arn"], "arn:aws:codebuild:us-east-1:123456789012:project/kept")
        self.refused("ResourceAlreadyExistsException", project, name="kept", buildspec="version: 0.2")
        self.refused("InvalidInputException", project, name="kept2", source={"type": "S3"})
        changed = codebuild.update_project(name="kept", description="changed", timeoutInMinutes=30)["project"]
        self.assertEqual((changed["description"], changed["timeoutInMinutes"], changed["tags"]),
                         ("changed", 30, [{"key": "team", "value": "a"}]))
        got = codebuild.batch_get_projects(names=["kept", "none"])
        self.assertEqual((got["projects"][0]["description"], got["projectsNotFound"]), ("changed", ["none"]))
        self.assertIn("kept", codebuild.list_projects(sortBy="NAME")["projects"])
        codebuild.delete_project(name="kept")
        self.refused("ResourceNotFoundException", codebuild.start_build, projectName="kept")

    def test_a_zip_is_built_and_its_artifact_and_report_are_there(self):
        s3.put_object(Bucket=BUCKET, Key="app.zip", Body=zipped(buildspec__yml="""
version: 0.2
env:
  exported-variables: [VERSION]
phases:
  install:
    runtime-versions: {python: 3.9}
    commands: ["python -m venv --help > /dev/null"]
  build:
    commands:
      - export VERSION=1.$CODEBUILD_BUILD_NUMBER
      - python test_app.py > results.xml
      - mkdir dist && cp app.py dist/
artifacts: {files: ['**/*'], base-directory: dist}
reports:
  unit: {files: [results.xml]}
""", app__py="print('app')\n", test_app__py="print('<testsuite name=\"t\"><testcase name=\"adds\" time=\"0.1\"/></testsuite>')\n"))
        project("app", source={"type": "S3", "location": BUCKET + "/app.zip"},
                artifacts={"type": "S3", "location": BUCKET, "path": "built", "packaging": "ZIP", "name": "app.zip"})
        build = run("app")
        self.assertEqual(build["buildStatus"], "SUCCEEDED", log(build))
        self.assertEqual([phase["phaseType"] for phase in build["phases"]], PHASES)
        self.assertEqual({phase.get("phaseStatus") for phase in build["phases"]}, {"SUCCEEDED", None})
        self.assertEqual(build["exportedEnvironmentVariables"], [{"name": "VERSION", "value": "1.1"}])
        content = s3.get_object(Bucket=BUCKET, Key="built/app.zip")["Body"].read()
        self.assertEqual(zipfile.ZipFile(io.BytesIO(content)).namelist(), ["app.py"])
        self.assertEqual(build["artifacts"]["location"], "arn:aws:s3:::%s/built/app.zip" % BUCKET)
        self.assertEqual(build["artifacts"]["sha256sum"], hashlib.sha256(content).hexdigest())
        lines = log(build)
        self.assertTrue(any("Running command mkdir dist" in line for line in lines), lines)
        self.assertTrue(any("python 3.9 was asked for; this machine has 3." in line for line in lines), lines)
        report = codebuild.batch_get_reports(reportArns=build["reportArns"])["reports"][0]
        self.assertEqual((report["status"], report["testSummary"]["total"]), ("SUCCEEDED", 1))
        cases = codebuild.describe_test_cases(reportArn=report["arn"])["testCases"]
        self.assertEqual([(case["name"], case["status"]) for case in cases], [("adds", "SUCCEEDED")])
        self.assertIn(report["reportGroupArn"], codebuild.list_report_groups()["reportGroups"])
        again = ended(codebuild.retry_build(id=build["id"])["build"]["id"])
        self.assertEqual((again["buildNumber"], again["buildStatus"]), (2, "SUCCEEDED"))
        self.assertEqual(codebuild.list_builds_for_project(projectName="app")["ids"], [again["id"], build["id"]])
        self.assertIn(again["id"], codebuild.list_builds()["ids"])
        self.assertIn(report["arn"], codebuild.list_reports()["reports"])
        self.assertIn(report["arn"], codebuild.list_reports_for_report_group(reportGroupArn=report["reportGroupArn"])["reports"])
        with self.assertRaisesRegex(ClientError, "InvalidInputException.*not one of code coverage"):
            codebuild.describe_code_coverages(reportArn=report["arn"])
        codebuild.delete_report(arn=report["arn"])
        self.assertNotIn(report["arn"], codebuild.list_reports()["reports"])
        codebuild.invalidate_project_cache(projectName="app")
        codebuild.batch_delete_builds(ids=[build["id"]])
        self.assertEqual(codebuild.batch_get_builds(ids=[build["id"]])["buildsNotFound"], [build["id"]])

    def test_report_groups(self):
        nowhere = {"exportConfigType": "NO_EXPORT"}
        made = codebuild.create_report_group(name="of-its-own", type="TEST", exportConfig=nowhere)["reportGroup"]
        with self.assertRaises(codebuild.exceptions.ResourceAlreadyExistsException):
            codebuild.create_report_group(name="of-its-own", type="TEST", exportConfig=nowhere)
        tags = [{"key": "team", "value": "a"}]
        codebuild.update_report_group(arn=made["arn"], tags=tags)
        got = codebuild.batch_get_report_groups(reportGroupArns=[made["arn"]])["reportGroups"][0]
        self.assertEqual((got["name"], got["type"], got["tags"]), ("of-its-own", "TEST", tags))
        codebuild.delete_report_group(arn=made["arn"])
        found = codebuild.batch_get_report_groups(reportGroupArns=[made["arn"]])
        self.assertEqual(found["reportGroupsNotFound"], [made["arn"]])

    def test_the_build_reaches_this_server_as_its_role(self):
        project("reaches", """
version: 0.2
phases:
  build:
    commands:
      - aws sts get-caller-identity --query Arn --output text
      - python -c "import boto3, sagemaker; print(boto3.client('sagemaker').list_pipelines()['PipelineSummaries'])"
      - git --version && node --version && npm --version && uv --version
      - docker ps || echo "no docker"
""")
        build = run("reaches")
        lines = log(build)
        self.assertEqual(build["buildStatus"], "SUCCEEDED", lines)
        self.assertTrue(any(line.startswith("arn:aws:sts::123456789012:assumed-role/") for line in lines), lines)
        self.assertIn("[]", lines)
        self.assertIn("no docker", lines)

    def test_failures_and_stops_say_what_happened(self):
        project("fails", "version: 0.2\nphases: {build: {commands: [echo one, exit 9]}, post_build: {commands: [echo after]}}\n")
        build = run("fails")
        self.assertEqual(build["buildStatus"], "FAILED")
        failed = [phase for phase in build["phases"] if phase.get("phaseStatus") == "FAILED"]
        self.assertEqual([(phase["phaseType"], phase["contexts"]) for phase in failed], [("BUILD", [
            {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: exit 9. Reason: exit status 9"}])])
        self.assertIn("after", log(build))
        wrong = run("fails", buildspecOverride="version: 0.2\nphases: {build: {commands: {a: b}}}\n")
        context = wrong["phases"][3]["contexts"][0]
        self.assertEqual(context["statusCode"], "YAML_FILE_ERROR")
        self.assertIn("phases.build.commands: must be a list", context["message"])
        sleeping = codebuild.start_build(projectName="fails", buildspecOverride="version: 0.2\nphases: {build: {commands: [sleep 600]}}\n")
        build_id = sleeping["build"]["id"]
        until(build_id, lambda build: build["currentPhase"] == "BUILD")
        self.assertEqual(codebuild.stop_build(id=build_id)["build"]["buildStatus"], "STOPPED")
        stopped = ended(build_id)
        self.assertEqual(stopped["buildStatus"], "STOPPED")
        self.assertEqual([phase["phaseStatus"] for phase in stopped["phases"] if phase["phaseType"] == "BUILD"], ["STOPPED"])

    def test_what_is_not_there(self):
        self.refused("ResourceNotFoundException", codebuild.stop_build, id="none:1")
        self.refused("InvalidInputException", codebuild.batch_get_builds, ids=["none"])
        self.refused("NotImplementedException", codebuild.start_build_batch, projectName="none")


if __name__ == "__main__":
    unittest.main()

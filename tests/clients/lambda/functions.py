"""Lambda through boto3: functions that really run."""
import base64
import io
import json
import time
import unittest
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

lambda_ = boto3.client("lambda", config=Config(retries={"max_attempts": 0}, read_timeout=120))
logs = boto3.client("logs")
s3 = boto3.client("s3")
iam = boto3.client("iam")
ROLE = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return made.getvalue()


def create(name, code, handler="app.handler", runtime="python3.8", wait=True, **more):
    file = "app__py" if runtime.startswith("python") else "index__js"
    made = lambda_.create_function(FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Code={"ZipFile": zipped(**{file: code})}, **more)
    if wait:
        lambda_.get_waiter("function_active").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return made


def invoke(name, event=None, **more):
    answer = lambda_.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


ECHO = """
import json, os, sys
import boto3
print("loaded on", sys.version_info[:2])
def handler(event, context):
    print("event", json.dumps(event))
    return {
        "event": event, "name": context.function_name, "memory": context.memory_limit_in_mb, "id": context.aws_request_id,
        "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn, "group": context.log_group_name,
        "stream": context.log_stream_name, "version": context.function_version, "stage": os.environ.get("STAGE"),
        "who": boto3.client("sts").get_caller_identity()["Arn"], "region": os.environ["AWS_REGION"],
        "execution": os.environ["AWS_EXECUTION_ENV"], "custom": context.client_context and context.client_context.custom,
        "files": sorted(os.listdir("/var/task")), "cwd": os.getcwd(),
    }
"""

FAILS = """
import ctypes, os, sys, time
def handler(event, context):
    kind = event["kind"]
    if kind == "raise": raise KeyError("nothing here")
    if kind == "set": return {1, 2}
    if kind == "exit": sys.exit(3)
    if kind == "quiet": os._exit(0)
    if kind == "crash": ctypes.string_at(0)
    if kind == "sleep": time.sleep(60)
    if kind == "spin":
        while True: pass
    if kind == "memory": return len(bytearray(800 * 1024 * 1024))
    if kind == "large": return "x" * (7 * 1024 * 1024)
    return kind
"""


class Functions(unittest.TestCase):
    def refused(self, code, pattern, call, *arguments, status=None, **keywords):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **keywords)
        error = caught.exception.response
        self.assertEqual(error["Error"]["Code"], code)
        self.assertRegex(error["Error"]["Message"], pattern)
        if status:
            self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], status)
        return error

    def test_a_function_is_made_and_runs(self):
        made = create("echo", ECHO, Timeout=30, Environment={"Variables": {"STAGE": "test"}}, Tags={"team": "a"}, VpcConfig={}, Layers=[])
        self.assertEqual((made["State"], made["StateReasonCode"], made["Version"]), ("Pending", "Creating", "$LATEST"))
        self.assertEqual(made["FunctionArn"], "arn:aws:lambda:us-east-1:123456789012:function:echo")
        self.assertRegex(made["LastModified"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")
        context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
        answer, result = invoke("echo", {"a": [1, "ü"]}, LogType="Tail", ClientContext=context)
        self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"], answer.get("FunctionError")), (200, "$LATEST", None))
        self.assertEqual(result["event"], {"a": [1, "ü"]})
        self.assertEqual((result["name"], result["memory"], result["version"], result["stage"]), ("echo", "128", "$LATEST", "test"))
        self.assertEqual((result["region"], result["execution"], result["custom"]), ("us-east-1", "AWS_Lambda_python3.8", {"k": "v"}))
        self.assertEqual((result["arn"], result["files"], result["cwd"]), (made["FunctionArn"], ["app.py"], "/var/task"))
        self.assertTrue(0 < result["left"] <= 30000)
        self.assertRegex(result["who"], "assumed-role/SageMakerPipelineExecutionRole/function-")
        request_id = answer["ResponseMetadata"]["RequestId"]
        self.assertEqual(result["id"], request_id)
        tail = base64.b64decode(answer["LogResult"]).decode()
        for line in ("START RequestId: %s Version: $LATEST" % request_id, "END RequestId: " + request_id, "REPORT RequestId: " + request_id):
            self.assertIn(line, tail)
        # The next one finds the environment warm.
        again, second = invoke("echo", {})
        self.assertEqual(second["stream"], result["stream"])
        self.assertRegex(result["stream"], r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$")
        self.assertEqual(result["group"], "/aws/lambda/echo")
        events = logs.get_log_events(logGroupName="/aws/lambda/echo", logStreamName=result["stream"], startFromHead=True)["events"]
        messages = [event["message"] for event in events]
        self.assertTrue(any("python3.8 asked for, Python 3." in message for message in messages), messages)
        self.assertIn('event {"a": [1, "\\u00fc"]}', messages)
        self.assertEqual(sum("Init Duration" in message for message in messages), 1)
        # As described.
        got = lambda_.get_function(FunctionName=made["FunctionArn"])
        self.assertEqual((got["Configuration"]["State"], got["Configuration"]["LastUpdateStatus"]), ("Active", "Successful"))
        self.assertIn("runtime:python-3.", got["Configuration"]["RuntimeVersionConfig"]["RuntimeVersionArn"])
        self.assertEqual(got["Tags"], {"team": "a"})
        with urllib.request.urlopen(got["Code"]["Location"]) as response:
            code = response.read()
        self.assertEqual(len(code), got["Configuration"]["CodeSize"])
        self.assertEqual(zipfile.ZipFile(io.BytesIO(code)).namelist(), ["app.py"])
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(got["Code"]["Location"][:-2])
        self.assertEqual(lambda_.get_function_configuration(FunctionName="123456789012:function:echo")["Handler"], "app.handler")
        self.refused("ResourceConflictException", "^Function already exist: echo$", create, "echo", ECHO, wait=False, status=409)
        self.assertEqual(lambda_.delete_function(FunctionName="echo")["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.refused("ResourceNotFoundException", "^Function not found: arn:aws:lambda:us-east-1:123456789012:function:echo$", lambda_.invoke,
                     FunctionName="echo", status=404)

    def test_b_failures(self):
        create("fails", FAILS, Timeout=3, MemorySize=256)
        answer, error = invoke("fails", {"kind": "raise"}, LogType="Tail")
        self.assertEqual((answer["StatusCode"], answer["FunctionError"]), (200, "Unhandled"))
        self.assertEqual((error["errorType"], error["errorMessage"]), ("KeyError", "'nothing here'"))
        self.assertRegex(error["stackTrace"][0], r'^  File "/var/task/app.py", line 5, in handler\n')
        self.assertIn("[ERROR] KeyError: 'nothing here'", base64.b64decode(answer["LogResult"]).decode())
        for kind, error_type, message in (
            ("set", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
            ("exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
            ("quiet", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
            ("crash", "Runtime.ExitError", "Error: Runtime exited with error: signal: segmentation fault"),
            ("memory", "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
            ("large", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size"),
            ("sleep", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
            ("spin", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        ):
            with self.subTest(kind):
                answer, error = invoke("fails", {"kind": kind}, LogType="Tail")
                self.assertEqual((answer["FunctionError"], error["errorType"]), ("Unhandled", error_type), error)
                self.assertIn(message, error["errorMessage"])
                tail = base64.b64decode(answer["LogResult"]).decode()
                self.assertIn("REPORT RequestId: " + answer["ResponseMetadata"]["RequestId"], tail)
        self.assertEqual(invoke("fails", {"kind": "well"})[1], "well")
        self.refused("InvalidRequestContentException", "Could not parse request body into json", lambda_.invoke, FunctionName="fails",
                     Payload=b"{no json", status=400)
        self.refused("RequestTooLargeException", "6291456", lambda_.invoke, FunctionName="fails", Payload=b'"' + b"x" * 6291456 + b'"', status=413)
        self.refused("RequestTooLargeException", "1048576", lambda_.invoke, FunctionName="fails", InvocationType="Event",
                     Payload=b'"' + b"x" * 1048576 + b'"', status=413)
        self.assertEqual(lambda_.invoke(FunctionName="fails", InvocationType="DryRun")["StatusCode"], 204)

    def test_c_handlers_that_cannot_be_loaded(self):
        for name, code, handler, error_type, message in (
            ("no-module", "", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
            ("no-import", "import nowhere_at_all", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere_at_all'"),
            ("no-syntax", "def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax"),
            ("no-handler", "x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
            ("no-dot", "x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
            ("no-init", "raise ValueError('at load')", "app.handler", "ValueError", "at load"),
            ("no-start", "import sys; sys.exit(2)", "app.handler", "Runtime.ExitError", "exit status 2"),
        ):
            with self.subTest(name):
                create(name, code, handler=handler)
                answer, error = invoke(name)
                self.assertEqual((answer["FunctionError"], error["errorType"]), ("Unhandled", error_type))
                self.assertIn(message, error["errorMessage"])

    def test_d_node(self):
        create("node", """
            exports.handler = async (event, context) => {
              console.log('event', event);
              if (event.fail) throw new TypeError('no such thing');
              if (event.spin) for (;;);
              return { event, id: context.awsRequestId, left: context.getRemainingTimeInMillis(), node: process.version };
            };
            exports.back = (event, context, done) => setTimeout(() => done(null, 'called back'), 5);
        """, runtime="nodejs20.x", handler="index.handler", Timeout=5)
        answer, result = invoke("node", {"a": 1}, LogType="Tail")
        self.assertEqual((result["event"], result["id"]), ({"a": 1}, answer["ResponseMetadata"]["RequestId"]))
        self.assertTrue(0 < result["left"] <= 5000)
        self.assertIn("INFO\tevent { a: 1 }", base64.b64decode(answer["LogResult"]).decode())
        arn = lambda_.get_function_configuration(FunctionName="node")["RuntimeVersionConfig"]["RuntimeVersionArn"]
        self.assertTrue(arn.endswith("runtime:node-" + result["node"][1:]), arn)
        answer, error = invoke("node", {"fail": True})
        self.assertEqual((answer["FunctionError"], error["errorType"], error["errorMessage"]), ("Unhandled", "TypeError", "no such thing"))
        self.assertIn("Task timed out after 5.00 seconds", invoke("node", {"spin": True})[1]["errorMessage"])
        lambda_.update_function_configuration(FunctionName="node", Handler="index.back")
        lambda_.get_waiter("function_updated").wait(FunctionName="node", WaiterConfig={"Delay": 1})
        self.assertEqual(invoke("node", {})[1], "called back")

    def test_e_updates_replace_what_runs(self):
        create("changes", "def handler(event, context): return 1")
        self.assertEqual(invoke("changes")[1], 1)
        before = lambda_.get_function_configuration(FunctionName="changes")
        bucket = "functions-code"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped(app__py="import os\ndef handler(event, context): return [2, os.environ.get('LEVEL')]"))
        updated = lambda_.update_function_code(FunctionName="changes", S3Bucket=bucket, S3Key="code.zip", RevisionId=before["RevisionId"])
        self.assertEqual(updated["LastUpdateStatus"], "InProgress")
        self.assertNotEqual((updated["CodeSha256"], updated["RevisionId"]), (before["CodeSha256"], before["RevisionId"]))
        lambda_.get_waiter("function_updated_v2").wait(FunctionName="changes", WaiterConfig={"Delay": 1})
        self.assertEqual(invoke("changes")[1], [2, None])
        lambda_.update_function_configuration(FunctionName="changes", Environment={"Variables": {"LEVEL": "high"}}, Timeout=9, Description="d")
        lambda_.get_waiter("function_updated").wait(FunctionName="changes", WaiterConfig={"Delay": 1})
        self.assertEqual(invoke("changes")[1], [2, "high"])
        after = lambda_.get_function_configuration(FunctionName="changes")
        self.assertEqual((after["Timeout"], after["Description"], after["Environment"]["Variables"]), (9, "d", {"LEVEL": "high"}))
        self.refused("PreconditionFailedException", "Revision Id", lambda_.update_function_code, FunctionName="changes", ZipFile=zipped(a="b"),
                     RevisionId=before["RevisionId"], status=412)
        # Versions keep what they were made of; an alias moves.
        one = lambda_.publish_version(FunctionName="changes", Description="first")
        self.assertEqual((one["Version"], one["Description"]), ("1", "first"))
        self.assertTrue(one["FunctionArn"].endswith(":function:changes:1"))
        self.assertEqual(lambda_.publish_version(FunctionName="changes")["Version"], "1")
        two = lambda_.update_function_code(FunctionName="changes", ZipFile=zipped(app__py="def handler(event, context): return 3"), Publish=True)
        self.assertEqual(two["Version"], "2")
        alias = lambda_.create_alias(FunctionName="changes", Name="live", FunctionVersion="1")
        self.assertTrue(alias["AliasArn"].endswith(":function:changes:live"))
        answer, result = invoke("changes", Qualifier="live")
        self.assertEqual((answer["ExecutedVersion"], result), ("1", [2, "high"]))
        lambda_.update_alias(FunctionName="changes", Name="live", FunctionVersion="2")
        self.assertEqual(invoke(alias["AliasArn"])[1], 3)
        self.assertEqual([v["Version"] for v in lambda_.list_versions_by_function(FunctionName="changes")["Versions"]], ["$LATEST", "1", "2"])
        self.assertEqual([a["Name"] for a in lambda_.list_aliases(FunctionName="changes")["Aliases"]], ["live"])
        self.assertEqual(lambda_.get_alias(FunctionName="changes", Name="live")["FunctionVersion"], "2")
        weighted = lambda_.update_alias(FunctionName="changes", Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        self.assertEqual(weighted["RoutingConfig"], {"AdditionalVersionWeights": {"1": 0.5}})
        seen = set()
        while seen != {"1", "2"}:  # chance decides, and both have one
            seen.add(invoke("changes", Qualifier="live")[0]["ExecutedVersion"])
        self.refused("ValidationException", "less than or equal to 1", lambda_.update_alias, FunctionName="changes", Name="live",
                     RoutingConfig={"AdditionalVersionWeights": {"1": 1.5}})
        for version in "1", "2":  # one by its weight, the other by name
            self.refused("ResourceConflictException", r"aliases reference it: \[live\]", lambda_.delete_function, FunctionName="changes",
                         Qualifier=version, status=409)
        lambda_.delete_alias(FunctionName="changes", Name="live")
        self.refused("ResourceNotFoundException", "Function not found: .*:changes:live", lambda_.invoke, FunctionName="changes", Qualifier="live")
        lambda_.delete_function(FunctionName="changes", Qualifier="1")
        self.refused("ResourceNotFoundException", "Function not found: .*:changes:1$", lambda_.get_function, FunctionName="changes:1")

    def test_f_asynchronous(self):
        create("later", """
import json, boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket=event["bucket"], Key=event["key"], Body=context.aws_request_id)
""", Timeout=30)
        bucket = "functions-later"
        s3.create_bucket(Bucket=bucket)
        answer, nothing = invoke("later", {"bucket": bucket, "key": "done"}, InvocationType="Event")
        self.assertEqual((answer["StatusCode"], nothing), (202, None))
        s3.get_waiter("object_exists").wait(Bucket=bucket, Key="done", WaiterConfig={"Delay": 1})
        self.assertEqual(s3.get_object(Bucket=bucket, Key="done")["Body"].read().decode(), answer["ResponseMetadata"]["RequestId"])

    def test_f_what_becomes_of_them(self):
        create("sent-on", "def handler(event, context): return {'got': event}[event['member']]", DeadLetterConfig={})
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="function-results")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        config = dict(FunctionName="sent-on", MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}})
        self.assertTrue(lambda_.put_function_event_invoke_config(**config)["FunctionArn"].endswith(":function:sent-on:$LATEST"))
        for member, condition in (("got", "Success"), ("lost", "RetriesExhausted")):
            sent = lambda_.invoke(FunctionName="sent-on", InvocationType="Event", Payload=json.dumps({"member": member}))
            (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            record = json.loads(message["Body"])
            self.assertEqual((record["requestContext"]["condition"], record["requestPayload"]), (condition, {"member": member}))
            self.assertEqual(record["requestContext"]["requestId"], sent["ResponseMetadata"]["RequestId"])
        self.assertEqual((record["responseContext"]["functionError"], record["responsePayload"]["errorType"]), ("Unhandled", "KeyError"))
        listed = lambda_.list_function_event_invoke_configs(FunctionName="sent-on")["FunctionEventInvokeConfigs"]
        self.assertEqual([one["MaximumRetryAttempts"] for one in listed], [0])
        lambda_.delete_function_event_invoke_config(FunctionName="sent-on")
        self.refused("ResourceNotFoundException", "doesn't have an EventInvokeConfig", lambda_.get_function_event_invoke_config, FunctionName="sent-on")
        lambda_.put_function_concurrency(FunctionName="sent-on", ReservedConcurrentExecutions=0)
        self.assertEqual(lambda_.get_function(FunctionName="sent-on")["Concurrency"], {"ReservedConcurrentExecutions": 0})
        self.refused("TooManyRequestsException", "Rate Exceeded", lambda_.invoke, FunctionName="sent-on", status=429)
        lambda_.delete_function_concurrency(FunctionName="sent-on")
        self.assertEqual(invoke("sent-on", {"member": "got"})[1], {"member": "got"})

    def test_g_permissions(self):
        create("guarded", "def handler(event, context): return 'in'")
        self.refused("ResourceNotFoundException", "The resource you requested does not exist", lambda_.get_policy, FunctionName="guarded", status=404)
        statement = dict(FunctionName="guarded", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                         SourceArn="arn:aws:s3:::some-bucket", SourceAccount="123456789012")
        made = json.loads(lambda_.add_permission(**statement)["Statement"])
        self.assertEqual((made["Principal"], made["Condition"]["ArnLike"]), ({"Service": "s3.amazonaws.com"}, {"AWS:SourceArn": "arn:aws:s3:::some-bucket"}))
        self.refused("ResourceConflictException", "The statement id \\(s3\\) provided already exists", lambda_.add_permission, **statement, status=409)
        self.assertEqual(json.loads(lambda_.get_policy(FunctionName="guarded")["Policy"])["Statement"], [made])
        lambda_.remove_permission(FunctionName="guarded", StatementId="s3")
        self.refused("ResourceNotFoundException", "No policy is associated with the given resource", lambda_.remove_permission, FunctionName="guarded",
                     StatementId="s3", status=404)
        arn = "arn:aws:lambda:us-east-1:123456789012:function:guarded"
        lambda_.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
        lambda_.untag_resource(Resource=arn, TagKeys=["a"])
        self.assertEqual(lambda_.list_tags(Resource=arn)["Tags"], {"b": "2"})

    def test_h_rights(self):
        """A role that may invoke one function only; a function has all rights of its role, also those that jobs have not."""
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com", "AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="narrow", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:mine*"}
        tags = {"Effect": "Allow", "Action": ["iam:TagRole", "logs:*"], "Resource": "*"}
        iam.put_role_policy(RoleName="narrow", PolicyName="p", PolicyDocument=json.dumps({"Statement": [allowed, tags]}))
        body = 'import boto3\ndef handler(event, context):\n    boto3.client("iam").tag_role(RoleName="narrow", Tags=[{"Key": "by", "Value": "function"}])\n    return "tagged"'
        lambda_.create_function(FunctionName="mine", Runtime="python3.12", Role=role, Handler="app.handler", Timeout=20, Code={"ZipFile": zipped(app__py=body)})
        create("theirs", "def handler(event, context): return 1")
        keys = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="narrow")["Credentials"]
        narrow = boto3.client("lambda", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
        self.assertEqual(json.loads(narrow.invoke(FunctionName="mine")["Payload"].read()), "tagged")
        self.refused("AccessDeniedException", "not authorized to perform: lambda:InvokeFunction on resource: .*:function:theirs", narrow.invoke,
                     FunctionName="theirs", status=403)
        # The function's own policy lets in whom it names; an explicit deny of the caller's own policies would still win.
        lambda_.add_permission(FunctionName="theirs", StatementId="narrow", Action="lambda:InvokeFunction", Principal=role)
        self.assertEqual(json.loads(narrow.invoke(FunctionName="theirs")["Payload"].read()), 1)
        self.refused("AccessDeniedException", "iam:PassRole|lambda:CreateFunction", narrow.create_function, FunctionName="mine-too", Runtime="python3.12", Role=role,
                     Handler="a.b", Code={"ZipFile": zipped(a="b")})
        # Code with less than its role's rights (a job's session is such) gets no more by a function of its own.
        half = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "iam:TagRole", "Resource": "*"}]}
        full = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.put_role_policy(RoleName="narrow", PolicyName="p", PolicyDocument=json.dumps({"Statement": [full]}))
        keys = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="halved", Policy=json.dumps(half))["Credentials"]
        halved = boto3.client("lambda", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
        halved.create_function(FunctionName="around", Runtime="python3.12", Role=role, Handler="app.handler", Timeout=20, Code={"ZipFile": zipped(app__py=body)})
        answer, error = invoke("around")
        self.assertIn("TagRole", error["errorMessage"])
        halved.update_function_configuration(FunctionName="mine", Environment={"Variables": {"PYTHONSTARTUP": "x"}})
        self.assertIn("TagRole", invoke("mine")[1]["errorMessage"])
        # what the half-righted one set stays in force with new code, until somebody with all rights sets it anew
        lambda_.update_function_code(FunctionName="mine", ZipFile=zipped(app__py=body))
        self.assertIn("TagRole", invoke("mine")[1]["errorMessage"])
        lambda_.update_function_configuration(FunctionName="mine", Handler="app.handler", Environment={"Variables": {}})
        self.assertEqual(invoke("mine")[1], "tagged")
        closed = iam.create_role(RoleName="closed", AssumeRolePolicyDocument=json.dumps(
            {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
        self.refused("InvalidParameterValueException", "^The role defined for the function cannot be assumed by Lambda", lambda_.create_function,
                     FunctionName="f", Runtime="python3.12", Role=closed, Handler="a.b", Code={"ZipFile": zipped(a="b")}, status=400)

    def test_i_what_is_refused(self):
        def made(**more):
            return lambda_.create_function(**{"FunctionName": "refused", "Runtime": "python3.12", "Role": ROLE, "Handler": "a.b", "Code": {"ZipFile": zipped(a="b")}, **more})

        self.refused("NotImplementedException", "Layers", made, Layers=["arn:aws:lambda:us-east-1:123456789012:layer:l:1"], status=501)
        self.refused("NotImplementedException", "runtime java21", made, Runtime="java21", status=501)
        self.refused("NotImplementedException", "container image", made, PackageType="Image", Code={"ImageUri": "x"}, status=501)
        self.refused("InvalidParameterValueException", "Could not unzip uploaded file", made, Code={"ZipFile": b"no zip"}, status=400)
        self.refused("InvalidParameterValueException", "Could not unzip uploaded file", made, Code={"ZipFile": zipped(**{"../a": "b"})})
        self.refused("InvalidParameterValueException", "S3 Error Code: NoSuchBucket", made, Code={"S3Bucket": "functions-none", "S3Key": "k"})
        self.refused("InvalidParameterValueException", "reserved keys .*AWS_REGION", made, Environment={"Variables": {"AWS_REGION": "x"}})
        self.refused("ValidationException", "'timeout' failed to satisfy constraint", made, Timeout=901)
        self.refused("ValidationException", "1 validation error detected: Value '40000' at 'memorySize'", made, MemorySize=40000)
        self.refused("ValidationException", "Value '10241' at 'memorySize' .* less than or equal to 10240", made, MemorySize=10241)
        self.refused("ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable", lambda_.get_function,
                     FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:x", status=404)
        names = []
        for page in lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3}):
            names += [function["FunctionName"] for function in page["Functions"]]
        self.assertEqual(names, sorted(names))
        self.assertNotIn("refused", names)


if __name__ == "__main__":
    unittest.main()

"""EventBridge through boto3: rules, targets, events of services, transformers, dead letters, and what rights they have."""
import http.server
import json
import threading
import time
import unittest
import uuid

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
events = boto3.client("events")
sqs = boto3.client("sqs")
iam = boto3.client("iam")


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def receive(url, count=1):
    """Waits for so many messages and takes them."""
    taken = []
    for _ in range(15):
        if len(taken) >= count:
            break
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            taken.append(message)
    return taken


def rule(name, pattern, *targets, **more):
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)["RuleArn"]
    put = events.put_targets(Rule=name, Targets=list(targets), **{k: v for k, v in more.items() if k == "EventBusName"})
    assert put["FailedEntryCount"] == 0, put
    return arn


def put(detail, source="client.app", detail_type="Thing", **more):
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), **more}
    return events.put_events(Entries=[entry])["Entries"][0]


class Rules(unittest.TestCase):
    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_buses_and_rules(self):
        bus = events.create_event_bus(Name="client-bus", Tags=[{"Key": "team", "Value": "a"}])["EventBusArn"]
        self.assertEqual(events.list_tags_for_resource(ResourceARN=bus)["Tags"], [{"Key": "team", "Value": "a"}])
        self.refused("ResourceAlreadyExistsException", events.create_event_bus, Name="client-bus")
        self.assertEqual(
            [one["Name"] for one in events.list_event_buses(NamePrefix="client-bus")["EventBuses"]], ["client-bus"]
        )
        events.update_event_bus(Name="client-bus", Description="ours")
        self.assertEqual(events.describe_event_bus(Name="client-bus")["Description"], "ours")
        arn = events.put_rule(
            Name="one", EventBusName="client-bus", EventPattern='{"source": ["x"]}', Tags=[{"Key": "k", "Value": "v"}]
        )["RuleArn"]
        self.assertEqual(arn, f"arn:aws:events:{REGION}:{ACCOUNT}:rule/client-bus/one")
        self.assertEqual(events.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "k", "Value": "v"}])
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "l", "Value": "w"}])
        events.untag_resource(ResourceARN=arn, TagKeys=["k"])
        self.assertEqual(events.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "l", "Value": "w"}])
        described = events.describe_rule(Name="one", EventBusName="client-bus")
        self.assertEqual((described["State"], described["EventPattern"]), ("ENABLED", '{"source": ["x"]}'))
        events.disable_rule(Name="one", EventBusName="client-bus")
        self.assertEqual(events.list_rules(EventBusName="client-bus")["Rules"][0]["State"], "DISABLED")
        events.enable_rule(Name="one", EventBusName="client-bus")
        self.refused("InvalidEventPatternException", events.put_rule, Name="bad", EventPattern='{"a": [{"like": 1}]}')
        self.refused("ValidationException", events.put_rule, Name="bad", ScheduleExpression="cron(0 10 * * *)")
        _, target = queue("client-unused")
        events.put_targets(Rule="one", EventBusName="client-bus", Targets=[{"Id": "q", "Arn": target}])
        names = events.list_rule_names_by_target(TargetArn=target, EventBusName="client-bus")["RuleNames"]
        self.assertEqual(names, ["one"])
        self.assertEqual(events.list_targets_by_rule(Rule="one", EventBusName="client-bus")["Targets"][0]["Id"], "q")
        self.refused("ValidationException", events.delete_rule, Name="one", EventBusName="client-bus")
        events.remove_targets(Rule="one", EventBusName="client-bus", Ids=["q"])
        events.delete_rule(Name="one", EventBusName="client-bus")
        with self.assertRaises(events.exceptions.ResourceNotFoundException):
            events.describe_rule(Name="one", EventBusName="client-bus")
        events.put_permission(
            EventBusName="client-bus", StatementId="s", Principal=ACCOUNT, Action="events:PutEvents"
        )
        self.assertIn("events:PutEvents", events.describe_event_bus(Name="client-bus")["Policy"])
        events.remove_permission(EventBusName="client-bus", StatementId="s")
        events.delete_event_bus(Name="client-bus")

    def test_patterns(self):
        event = {
            "id": "1",
            "account": ACCOUNT,
            "source": "a",
            "time": "2026-01-01T00:00:00Z",
            "region": REGION,
            "resources": [],
            "detail-type": "b",
            "detail": {"n": 5},
        }
        fits = lambda pattern: events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]
        self.assertTrue(fits({"detail": {"n": [{"numeric": [">", 4, "<=", 5]}]}}))
        self.assertFalse(fits({"detail": {"n": [{"anything-but": [5]}]}}))

    def test_transformed_input(self):
        url, arn = queue("client-transformed")
        transformer = {
            "InputPathsMap": {"name": "$.detail.name"},
            "InputTemplate": '{"hello": "<name>", "rule": <aws.events.rule-name>}',
        }
        rule("client-transformed", {"source": ["client.transformed"]}, {"Id": "t", "Arn": arn, "InputTransformer": transformer})
        put({"name": "Ann"}, source="client.transformed")
        self.assertEqual(json.loads(receive(url)[0]["Body"]), {"hello": "Ann", "rule": "client-transformed"})

    def test_entries_fail_by_themselves(self):
        answer = events.put_events(
            Entries=[
                {"Source": "a", "DetailType": "b", "Detail": "{}"},
                {"Source": "aws.s3", "DetailType": "b", "Detail": "{}"},
                {"Source": "a", "DetailType": "b", "Detail": "no"},
            ]
        )
        self.assertEqual(answer["FailedEntryCount"], 2)
        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        self.assertEqual(codes, [None, "NotAuthorizedForSourceException", "MalformedDetail"])

    def test_objects_tell_the_default_bus(self):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="client-events")
        s3.put_bucket_notification_configuration(
            Bucket="client-events", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        url, arn = queue("client-objects")
        rule("client-objects", {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "in/"}]}}}, {"Id": "q", "Arn": arn})
        s3.put_object(Bucket="client-events", Key="out/a", Body=b"a")
        s3.put_object(Bucket="client-events", Key="in/a", Body=b"a")
        s3.delete_object(Bucket="client-events", Key="in/a")
        told = [json.loads(message["Body"]) for message in receive(url, 2)]
        told.sort(key=lambda event: event["detail-type"])
        self.assertEqual([event["detail-type"] for event in told], ["Object Created", "Object Deleted"])
        created = told[0]
        self.assertEqual(created["resources"], ["arn:aws:s3:::client-events"])
        detail = created["detail"]
        self.assertEqual((detail["bucket"], detail["object"]["key"], detail["object"]["size"]), ({"name": "client-events"}, "in/a", 1))
        self.assertEqual((detail["version"], detail["reason"]), ("0", "PutObject"))

    def test_a_pipeline_is_started_once_with_its_parameters(self):
        sagemaker = boto3.client("sagemaker")
        definition = {
            "Version": "2020-12-01",
            "Parameters": [{"Name": "why", "Type": "String", "DefaultValue": "none"}],
            "Steps": [{"Name": "end", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.why"}}}],
        }
        pipeline = sagemaker.create_pipeline(
            PipelineName="client-events", PipelineDefinition=json.dumps(definition), RoleArn=ROLE,
            ClientRequestToken=uuid.uuid4().hex,
        )["PipelineArn"]
        url, arn = queue("client-executions")
        rule(
            "client-executions",
            {"source": ["aws.sagemaker"], "detail": {"pipelineArn": [pipeline], "currentPipelineExecutionStatus": ["Failed"]}},
            {"Id": "q", "Arn": arn},
        )
        parameters = {"PipelineParameterList": [{"Name": "why", "Value": "an event"}]}
        rule(
            "client-start",
            {"source": ["client.start"]},
            {"Id": "p", "Arn": pipeline, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters},
        )
        put({}, source="client.start")
        told = json.loads(receive(url)[0]["Body"])
        self.assertEqual(told["detail-type"], "SageMaker Model Building Pipeline Execution Status Change")
        execution = told["detail"]["pipelineExecutionArn"]
        self.assertEqual(told["resources"], [pipeline, execution])
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
        self.assertIn("an event", json.dumps(steps, default=str))
        self.assertEqual(len(sagemaker.list_pipeline_executions(PipelineName="client-events")["PipelineExecutionSummaries"]), 1)

    def test_another_bus_and_a_log_group(self):
        logs = boto3.client("logs")
        logs.create_log_group(logGroupName="/aws/events/client")
        bus = events.create_event_bus(Name="client-next")["EventBusArn"]
        rule("client-forward", {"source": ["client.forward"]}, {"Id": "b", "Arn": bus})
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/client"
        rule("client-log", {"source": ["client.forward"]}, {"Id": "l", "Arn": group}, EventBusName="client-next")
        entry = put({"n": 1}, source="client.forward")
        for _ in range(100):
            found = logs.filter_log_events(logGroupName="/aws/events/client")["events"]
            if found:
                break
            time.sleep(0.1)
        self.assertEqual(json.loads(found[0]["message"])["id"], entry["EventId"])

    def test_a_schedule_is_kept(self):
        events.put_rule(Name="client-cron", ScheduleExpression="cron(0 10 ? * MON-FRI *)")
        self.assertEqual(events.describe_rule(Name="client-cron")["ScheduleExpression"], "cron(0 10 ? * MON-FRI *)")
        self.refused("ValidationException", events.put_rule, Name="both", EventBusName="default", ScheduleExpression="rate(5 minute)")

    def test_connections_show_no_secret(self):
        arn = events.create_connection(
            Name="client-connection",
            AuthorizationType="BASIC",
            AuthParameters={"BasicAuthParameters": {"Username": "ann", "Password": "opensesame"}},
        )["ConnectionArn"]
        described = events.describe_connection(Name="client-connection")
        self.assertEqual(described["AuthParameters"], {"BasicAuthParameters": {"Username": "ann"}})
        destination = {"Name": "client-destination", "ConnectionArn": arn, "HttpMethod": "POST"}
        for wrong in ["http://169.254.169.254/latest", "ftp://example.com/", "http://*.example.com/"]:
            self.refused("ValidationException", events.create_api_destination, InvocationEndpoint=wrong, **destination)
        events.create_api_destination(InvocationEndpoint="https://example.com/in", **destination)
        self.assertEqual(events.describe_api_destination(Name="client-destination")["ApiDestinationState"], "ACTIVE")
        events.update_api_destination(Name="client-destination", HttpMethod="PUT")
        self.assertEqual(events.list_api_destinations()["ApiDestinations"][0]["HttpMethod"], "PUT")
        events.update_connection(Name="client-connection", Description="d")
        self.assertEqual(events.list_connections()["Connections"][0]["AuthorizationType"], "BASIC")
        events.delete_api_destination(Name="client-destination")
        events.delete_connection(Name="client-connection")


class Rights(unittest.TestCase):
    """What a rule may reach is what its role, or who put its target, may reach."""

    @classmethod
    def setUpClass(cls):
        iam.create_user(UserName="rule-maker")
        statements = [{"Effect": "Allow", "Action": "events:*", "Resource": "*"}]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="rule-maker", PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName="rule-maker")["AccessKey"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        cls.events = boto3.client("events", **keys)
        trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        cls.powerless = iam.create_role(RoleName="powerless-events", AssumeRolePolicyDocument=document)["Role"]["Arn"]

    def test_a_role_must_be_passed(self):
        self.events.put_rule(Name="rights-pass", EventPattern='{"source": ["rights"]}')
        target = {"Id": "p", "Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/any", "RoleArn": ROLE}
        with self.assertRaises(ClientError) as caught:
            self.events.put_targets(Rule="rights-pass", Targets=[target])
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDeniedException")
        self.assertIn("iam:PassRole", caught.exception.response["Error"]["Message"])
        with self.assertRaises(ClientError) as caught:
            self.events.put_rule(Name="rights-pass", EventPattern='{"source": ["rights"]}', RoleArn=ROLE)
        self.assertIn("iam:PassRole", caught.exception.response["Error"]["Message"])

    def test_a_target_is_reached_with_the_rights_of_who_put_it(self):
        url, arn = queue("rights-queue")
        letters, dlq = queue("rights-refused")
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dlq}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="rule-maker", PolicyName="letters", PolicyDocument=document)
        self.events.put_rule(Name="rights-put", EventPattern='{"source": ["rights.put"]}')
        target = {"Id": "q", "Arn": arn, "DeadLetterConfig": {"Arn": dlq}}
        self.events.put_targets(Rule="rights-put", Targets=[target])
        put({}, source="rights.put")
        letter = receive(letters)[0]
        self.assertEqual(letter["MessageAttributes"]["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS")
        self.assertIn("sqs:SendMessage", letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"])
        self.assertNotIn("Messages", sqs.receive_message(QueueUrl=url))

    def test_a_role_that_may_not_start_a_pipeline_starts_none(self):
        letters, dlq = queue("rights-letters")
        target = {
            "Id": "p",
            "Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/client-rights",
            "RoleArn": self.powerless,
            "DeadLetterConfig": {"Arn": dlq},
        }
        rule("rights-role", {"source": ["rights.role"]}, target)
        put({"n": 1}, source="rights.role")
        letter = receive(letters)[0]
        attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        self.assertEqual(attributes["ERROR_CODE"], "NO_PERMISSIONS")
        self.assertIn("sagemaker:StartPipelineExecution", attributes["ERROR_MESSAGE"])
        self.assertEqual(json.loads(letter["Body"])["detail"], {"n": 1})

    def test_an_api_destination_needs_its_right(self):
        heard = []

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append((self.path, self.headers["x-key"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = events.create_connection(
            Name="rights-connection",
            AuthorizationType="API_KEY",
            AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "opensesame"}},
        )["ConnectionArn"]
        arn = events.create_api_destination(
            Name="rights-destination", ConnectionArn=connection, HttpMethod="POST",
            InvocationEndpoint=f"http://127.0.0.1:{server.server_port}/in/*",
        )["ApiDestinationArn"]
        allow = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": arn}
        trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
        able = iam.create_role(
            RoleName="able-events", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="able-events", PolicyName="p", PolicyDocument=document)
        letters, dlq = queue("rights-destination")
        common = {"Arn": arn, "HttpParameters": {"PathParameterValues": ["a/b"]}, "DeadLetterConfig": {"Arn": dlq}}
        rule(
            "rights-destination",
            {"source": ["rights.destination"]},
            {"Id": "not", "RoleArn": self.powerless, **common},
            {"Id": "may", "RoleArn": able, **common},
        )
        put({"n": 1}, source="rights.destination")
        letter = receive(letters)[0]["MessageAttributes"]
        self.assertEqual(letter["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS")
        self.assertIn("events:InvokeApiDestination", letter["ERROR_MESSAGE"]["StringValue"])
        for _ in range(100):
            if heard:
                break
            time.sleep(0.1)
        self.assertEqual([(path, key, event["detail"]) for path, key, event in heard], [("/in/a%2Fb", "opensesame", {"n": 1})])

    def test_a_bus_policy_denies(self):
        events.create_event_bus(Name="rights-bus")
        deny = {"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/rights-bus"}
        events.put_permission(EventBusName="rights-bus", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
        with self.assertRaises(ClientError) as caught:
            put({}, EventBusName="rights-bus")
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDeniedException")
        events.remove_permission(EventBusName="rights-bus", RemoveAllPermissions=True)
        self.assertIn("EventId", put({}, EventBusName="rights-bus"))

    def test_no_caller_speaks_for_a_service_or_passes_an_event_on(self):
        entry = {"Source": "aws.sagemaker", "DetailType": "x", "Detail": "{}"}
        self.assertEqual(
            events.put_events(Entries=[entry])["Entries"][0]["ErrorCode"], "NotAuthorizedForSourceException"
        )


if __name__ == "__main__":
    unittest.main()

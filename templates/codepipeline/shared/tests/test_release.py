"""What a release remembers for a rollback, and what a smoke test makes of an endpoint that answers with an error."""

import json

import pytest

from deploy import Release

exceptions = pytest.importorskip("botocore.exceptions")
PREVIOUS = "slipway:previous-config"


class Server:
    """One endpoint with its tags and the events that were sent; it answers what `answer` does."""

    region_name = "us-east-1"

    def __init__(self):
        """An endpoint that serves the configuration `first`."""
        self.endpoint = {"EndpointConfigName": "first", "EndpointStatus": "InService"}
        self.tagged, self.told, self.fails = {}, [], False

    def client(self, _service):
        """Every client is this."""
        return self

    def get_caller_identity(self):
        """STS."""
        return {"Account": "123456789012"}

    def describe_endpoint(self, EndpointName):
        """SageMaker."""
        return dict(self.endpoint)

    def update_endpoint(self, EndpointName, EndpointConfigName):
        """SageMaker; at once."""
        if not self.fails:
            self.endpoint["EndpointConfigName"] = EndpointConfigName

    def list_tags(self, ResourceArn):
        """SageMaker."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tagged.get(ResourceArn, {}).items()]}

    def add_tags(self, ResourceArn, Tags):
        """SageMaker."""
        self.tagged.setdefault(ResourceArn, {}).update({tag["Key"]: tag["Value"] for tag in Tags})

    def delete_tags(self, ResourceArn, TagKeys):
        """SageMaker."""
        for key in TagKeys:
            self.tagged.get(ResourceArn, {}).pop(key, None)

    def put_events(self, Entries):
        """EventBridge."""
        self.told += Entries

    def invoke_endpoint(self, **_request):
        """SageMaker runtime: the model is broken."""
        said = {"Error": {"Code": "ModelError", "Message": "broken"}, "ResponseMetadata": {"HTTPStatusCode": 424}}
        raise exceptions.ClientError(said, "InvokeEndpoint")


def release_on(server):
    """A project whose one environment is the server's endpoint."""
    test = {"contentType": "text/csv", "body": __file__, "expect": []}
    return Release(server, {"project": "p", "environments": {"live": {"endpoint": "live", "smokeTest": test}}})


def test_a_move_that_failed_does_not_forget_what_was_served_before():
    server = Server()
    release = release_on(server)
    release.move("live", "second", [])
    server.fails = True
    for _ in range(2):
        with pytest.raises(SystemExit, match="does not serve third"):
            release.move("live", "third", [])
    remembered = release.tags("endpoint", "live")
    assert (remembered[PREVIOUS], remembered["slipway:older-config"]) == ("second", "first")


def test_an_endpoint_that_answers_an_error_fails_its_test_and_the_event_says_so():
    server = Server()
    release = release_on(server)
    server.add_tags(release.arn("endpoint-config", "first"), [{"Key": "slipway:smoke-test", "Value": "passed"}])
    with pytest.raises(SystemExit, match="the endpoint answered ModelError: broken"):
        release.smoke("live")
    assert release.tags("endpoint-config", "first") == {}
    assert json.loads(server.told[0]["Detail"])["problems"] == ["the endpoint answered ModelError: broken"]

"""The pipeline is updated where it is there, and made where it is not, however many others are called alike."""

import pytest

from upsert import put

exceptions = pytest.importorskip("botocore.exceptions")
REQUEST = {"PipelineName": "p", "PipelineDefinition": "{}", "RoleArn": "role"}


class Server:
    """A server with or without the pipeline; `calls` are those that were made."""

    def __init__(self, is_there):
        """Says which."""
        self.is_there, self.calls = is_there, []

    def update_pipeline(self, **_request):
        """SageMaker."""
        self.calls.append("update")
        if not self.is_there:
            raise exceptions.ClientError({"Error": {"Code": "ResourceNotFound", "Message": "gone"}}, "UpdatePipeline")
        return {"PipelineArn": "arn"}

    def add_tags(self, ResourceArn, Tags):
        """SageMaker."""
        self.calls.append((ResourceArn, Tags))

    def create_pipeline(self, Tags, **_request):
        """SageMaker."""
        self.calls.append(Tags)
        return {"PipelineArn": "arn"}


def test_what_is_there_is_updated_and_becomes_the_project_s():
    server = Server(is_there=True)
    assert put(server, REQUEST) == "arn"
    assert server.calls == ["update", ("arn", [{"Key": "slipway:project", "Value": "p"}])]


def test_what_is_not_there_is_made_with_the_tag_of_the_project():
    server = Server(is_there=False)
    assert put(server, REQUEST) == "arn"
    assert server.calls == ["update", [{"Key": "slipway:project", "Value": "p"}]]

"""CodeCommit by boto3: repositories, branches, commits and files by calls, tags, triggers, and what is refused in which words."""

import json
import subprocess
import tempfile
import unittest
import uuid

import boto3
from botocore.exceptions import ClientError

client = boto3.client("codecommit")


def code_of(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


class Repositories(unittest.TestCase):
    def setUp(self):
        self.name = f"repo-{uuid.uuid4().hex[:8]}"
        self.made = client.create_repository(
            repositoryName=self.name, repositoryDescription="first", tags={"team": "a"}
        )["repositoryMetadata"]

    def tearDown(self):
        client.delete_repository(repositoryName=self.name)

    def test_repository(self):
        self.assertEqual(self.made["Arn"], f"arn:aws:codecommit:us-east-1:123456789012:{self.name}")
        self.assertNotIn("defaultBranch", self.made)
        self.assertTrue(self.made["cloneUrlHttp"].endswith(f"/_slipway/git/{self.name}"))
        got = client.get_repository(repositoryName=self.name)["repositoryMetadata"]
        self.assertEqual(got, self.made)
        listed = client.list_repositories()["repositories"]
        self.assertIn({"repositoryName": self.name, "repositoryId": self.made["repositoryId"]}, listed)
        batch = client.batch_get_repositories(repositoryNames=[self.name, "absent"])
        self.assertEqual([one["repositoryName"] for one in batch["repositories"]], [self.name])
        self.assertEqual(batch["repositoriesNotFound"], ["absent"])
        client.update_repository_description(repositoryName=self.name, repositoryDescription="second")
        renamed = f"{self.name}-renamed"
        client.update_repository_name(oldName=self.name, newName=renamed)
        got = client.get_repository(repositoryName=renamed)["repositoryMetadata"]
        self.assertEqual((got["repositoryDescription"], got["repositoryId"]), ("second", self.made["repositoryId"]))
        self.assertEqual(client.list_tags_for_resource(resourceArn=got["Arn"])["tags"], {"team": "a"})
        self.assertEqual(code_of(client.get_repository, repositoryName=self.name), "RepositoryDoesNotExistException")
        client.update_repository_name(oldName=renamed, newName=self.name)
        self.assertEqual(code_of(client.create_repository, repositoryName=self.name), "RepositoryNameExistsException")
        self.assertEqual(code_of(client.create_repository, repositoryName="a b"), "InvalidRepositoryNameException")
        self.assertEqual(client.delete_repository(repositoryName="absent").get("repositoryId"), None)

    def test_tags(self):
        arn = self.made["Arn"]
        client.tag_resource(resourceArn=arn, tags={"stage": "dev", "team": "b"})
        client.untag_resource(resourceArn=arn, tagKeys=["stage"])
        self.assertEqual(client.list_tags_for_resource(resourceArn=arn)["tags"], {"team": "b"})
        self.assertEqual(
            code_of(client.tag_resource, resourceArn=arn, tags={"aws:x": "y"}), "InvalidSystemTagUsageException"
        )

    def test_commits(self):
        name = self.name
        first = client.put_file(
            repositoryName=name, branchName="main", fileContent=b"one\n", filePath="docs/a.txt", name="Ada", email="a@b.c"
        )
        self.assertEqual(client.get_repository(repositoryName=name)["repositoryMetadata"]["defaultBranch"], "main")
        put = dict(repositoryName=name, branchName="main", fileContent=b"two\n", filePath="docs/a.txt")
        self.assertEqual(code_of(client.put_file, **put), "ParentCommitIdRequiredException")
        self.assertEqual(code_of(client.put_file, **put, parentCommitId="0" * 40), "ParentCommitDoesNotExistException")
        same = {**put, "fileContent": b"one\n", "parentCommitId": first["commitId"]}
        self.assertEqual(code_of(client.put_file, **same), "SameFileContentException")
        second = client.create_commit(
            repositoryName=name,
            branchName="main",
            parentCommitId=first["commitId"],
            authorName="Ada",
            email="a@b.c",
            commitMessage="second\n\nwith a body",
            putFiles=[
                {"filePath": "run.sh", "fileMode": "EXECUTABLE", "fileContent": b"#!/bin/sh\n"},
                {"filePath": 'odd "name".txt', "fileContent": bytes(range(256))},
                {"filePath": "moved.txt", "sourceFile": {"filePath": "docs/a.txt", "isMove": True}},
            ],
        )
        self.assertEqual({one["absolutePath"] for one in second["filesAdded"]}, {"run.sh", 'odd "name".txt', "moved.txt"})
        self.assertEqual([one["absolutePath"] for one in second["filesDeleted"]], ["docs/a.txt"])
        outdated = code_of(client.put_file, **put, parentCommitId=first["commitId"])
        self.assertEqual(outdated, "ParentCommitIdOutdatedException")
        commit = client.get_commit(repositoryName=name, commitId=second["commitId"])["commit"]
        self.assertEqual(commit["parents"], [first["commitId"]])
        self.assertEqual(commit["message"].rstrip("\n"), "second\n\nwith a body")
        self.assertEqual((commit["author"]["name"], commit["author"]["email"]), ("Ada", "a@b.c"))
        self.assertEqual(commit["treeId"], second["treeId"])
        batch = client.batch_get_commits(repositoryName=name, commitIds=[first["commitId"], "f" * 40])
        self.assertEqual([one["commitId"] for one in batch["commits"]], [first["commitId"]])
        self.assertEqual(batch["errors"][0]["errorCode"], "CommitIdDoesNotExistException")
        file = client.get_file(repositoryName=name, filePath='odd "name".txt')
        self.assertEqual((file["fileContent"], file["fileMode"], file["fileSize"]), (bytes(range(256)), "NORMAL", 256))
        self.assertEqual(client.get_blob(repositoryName=name, blobId=file["blobId"])["content"], bytes(range(256)))
        old = client.get_file(repositoryName=name, commitSpecifier=first["commitId"], filePath="docs/a.txt")
        self.assertEqual(old["fileContent"], b"one\n")
        folder = client.get_folder(repositoryName=name, folderPath="/")
        self.assertEqual({one["relativePath"] for one in folder["files"]}, {"run.sh", 'odd "name".txt', "moved.txt"})
        self.assertEqual(folder["subFolders"], [])
        differences = client.get_differences(
            repositoryName=name, beforeCommitSpecifier=first["commitId"], afterCommitSpecifier="main"
        )["differences"]
        self.assertEqual(
            sorted((one["changeType"], (one.get("afterBlob") or one["beforeBlob"])["path"]) for one in differences),
            [("A", "moved.txt"), ("A", 'odd "name".txt'), ("A", "run.sh"), ("D", "docs/a.txt")],
        )
        gone = client.delete_file(
            repositoryName=name, branchName="main", filePath="run.sh", parentCommitId=second["commitId"]
        )
        self.assertEqual(gone["filePath"], "run.sh")
        get_file = dict(repositoryName=name, filePath="run.sh")
        self.assertEqual(code_of(client.get_file, **get_file), "FileDoesNotExistException")
        self.assertEqual(code_of(client.get_file, **{**get_file, "filePath": "../x"}), "InvalidPathException")
        self.assertEqual(code_of(client.get_file, **get_file, commitSpecifier="--all"), "CommitDoesNotExistException")
        self.assertEqual(code_of(client.get_commit, repositoryName=name, commitId="xyz"), "InvalidCommitIdException")
        conflict = {**put, "filePath": "moved.txt/below", "parentCommitId": gone["commitId"]}
        self.assertEqual(code_of(client.put_file, **conflict), "DirectoryNameConflictsWithFileNameException")

    def test_branches(self):
        name = self.name
        first = client.put_file(repositoryName=name, branchName="trunk", fileContent=b"1", filePath="a")["commitId"]
        client.create_branch(repositoryName=name, branchName="work/one", commitId=first)
        again = dict(repositoryName=name, branchName="work/one", commitId=first)
        self.assertEqual(code_of(client.create_branch, **again), "BranchNameExistsException")
        self.assertEqual(code_of(client.create_branch, **{**again, "branchName": "a..b"}), "InvalidBranchNameException")
        absent = {**again, "branchName": "x", "commitId": "1" * 40}
        self.assertEqual(code_of(client.create_branch, **absent), "CommitDoesNotExistException")
        self.assertEqual(client.list_branches(repositoryName=name)["branches"], ["trunk", "work/one"])
        second = client.put_file(
            repositoryName=name, branchName="work/one", fileContent=b"2", filePath="a", parentCommitId=first
        )["commitId"]
        merged = client.merge_branches_by_fast_forward(
            repositoryName=name, sourceCommitSpecifier="work/one", destinationCommitSpecifier="trunk", targetBranch="trunk"
        )
        self.assertEqual(merged["commitId"], second)
        self.assertEqual(client.get_branch(repositoryName=name, branchName="trunk")["branch"]["commitId"], second)
        default = dict(repositoryName=name, branchName="trunk")
        self.assertEqual(code_of(client.delete_branch, **default), "DefaultBranchCannotBeDeletedException")
        client.update_default_branch(repositoryName=name, defaultBranchName="work/one")
        deleted = client.delete_branch(**default)["deletedBranch"]
        self.assertEqual(deleted, {"branchName": "trunk", "commitId": second})
        self.assertNotIn("deletedBranch", client.delete_branch(**default))
        self.assertEqual(code_of(client.get_branch, **default), "BranchDoesNotExistException")
        self.assertEqual(client.get_repository(repositoryName=name)["repositoryMetadata"]["defaultBranch"], "work/one")

    def test_credentials_of_the_service(self):
        iam = boto3.client("iam")
        made = iam.create_service_specific_credential(UserName="admin", ServiceName="codecommit.amazonaws.com")
        credential = made["ServiceSpecificCredential"]
        self.assertTrue(credential["ServiceUserName"].endswith("-at-123456789012"))
        url = self.made["cloneUrlHttp"].replace(
            "http://", f"http://{credential['ServiceUserName']}:{credential['ServicePassword'].replace('/', '%2F')}@"
        )
        ls = ["git", "-c", "credential.helper=", "ls-remote", url]
        self.assertEqual(subprocess.run(ls, capture_output=True).returncode, 0)
        listed = iam.list_service_specific_credentials(UserName="admin")["ServiceSpecificCredentials"]
        self.assertNotIn("ServicePassword", listed[0])
        one = dict(UserName="admin", ServiceSpecificCredentialId=credential["ServiceSpecificCredentialId"])
        iam.reset_service_specific_credential(**one)
        self.assertNotEqual(subprocess.run(ls, capture_output=True, stdin=subprocess.DEVNULL).returncode, 0)
        iam.update_service_specific_credential(**one, Status="Inactive")
        iam.delete_service_specific_credential(**one)

    def test_git_push_starts_triggers(self):
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name=f"pushes-{self.name}")["TopicArn"]
        queue = sqs.create_queue(QueueName=f"pushes-{self.name}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        trigger = {"name": "t", "destinationArn": topic, "customData": "hello", "branches": ["main"], "events": ["all"]}
        client.put_repository_triggers(repositoryName=self.name, triggers=[trigger])
        self.assertEqual(client.get_repository_triggers(repositoryName=self.name)["triggers"], [trigger])
        bad = {**trigger, "destinationArn": "arn:aws:s3:::x"}
        self.assertEqual(
            code_of(client.put_repository_triggers, repositoryName=self.name, triggers=[bad]),
            "InvalidRepositoryTriggerDestinationArnException",
        )
        with tempfile.TemporaryDirectory() as folder:
            git = lambda *words: subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
            git("init", "-q", "-b", "main")
            who = ["-c", "user.name=Ada", "-c", "user.email=a@b.c"]
            git(*who, "commit", "-q", "--allow-empty", "-m", "one")
            git("push", "-q", self.made["cloneUrlHttp"], "main", "main:other")
        body = None
        for _ in range(20):
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
                body = json.loads(json.loads(message["Body"])["Message"])
            if body:
                break
        record = body["Records"][0]
        self.assertEqual((record["eventTriggerName"], record["customData"]), ("t", "hello"))
        self.assertEqual(record["eventSourceARN"], self.made["Arn"])
        [reference] = record["codecommit"]["references"]
        self.assertEqual((reference["ref"], reference["created"]), ("refs/heads/main", True))
        tested = client.test_repository_triggers(repositoryName=self.name, triggers=[trigger])
        self.assertEqual(tested["successfulExecutions"], ["t"])


if __name__ == "__main__":
    unittest.main()

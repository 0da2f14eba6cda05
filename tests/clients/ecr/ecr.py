"""ECR through boto3, and the registry protocol as its specification has it: what is pushed one way is there the other way."""
import base64
import hashlib
import http.client
import json
import os
import socket
import unittest
import urllib.parse

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ecr = boto3.client("ecr")
HOST = urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL"]).netloc
IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def login(client=ecr):
    return client.get_authorization_token()["authorizationData"][0]["authorizationToken"]


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def code(self):
        return json.loads(self.body)["errors"][0]["code"]


def ask(method, path, body=None, token=None, **headers):
    connection = http.client.HTTPConnection(HOST)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is None:
        token = TOKEN
    if token:
        sent["authorization"] = "Basic " + token
    connection.request(method, path, body=body, headers=sent, encode_chunked=sent.get("transfer-encoding") == "chunked")
    return Answer(connection.getresponse())


def push_blob(repository, content):
    begun = ask("POST", f"/v2/{repository}/blobs/uploads/")
    return ask("PUT", begun.headers["location"] + "?digest=" + digest_of(content), content)


def config_of(layers, architecture="riscv64"):
    """Of a platform that no test runs on: such an image is kept, not unpacked."""
    return json.dumps({"os": "linux", "architecture": architecture, "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}}).encode()


def manifest_of(config, layers):
    described = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(layer), "size": len(layer)} for layer in layers]
    return json.dumps({
        "schemaVersion": 2, "mediaType": IMAGE_TYPE, "layers": described,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": len(config)},
    }).encode()


def push(repository, tag, *layers):
    config = config_of(layers)
    for content in (*layers, config):
        push_blob(repository, content)
    manifest = manifest_of(config, layers)
    return manifest, ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, content_type=IMAGE_TYPE)


TOKEN = login()


class Ecr(unittest.TestCase):
    maxDiff = None

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as refusal:
            call(**arguments)
        self.assertEqual(refusal.exception.response["Error"]["Code"], code, refusal.exception)
        return refusal.exception.response["Error"]["Message"]

    def repository(self, name, **more):
        return ecr.create_repository(repositoryName=name, **more)["repository"]

    def test_repositories(self):
        made = self.repository("team/one", tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(made["repositoryArn"], f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/team/one")
        self.assertEqual(made["repositoryUri"], f"{HOST}/team/one")
        self.assertEqual(made["imageTagMutability"], "MUTABLE")
        message = self.refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="team/one")
        self.assertEqual(message, f"The repository with name 'team/one' already exists in the registry with id '{ACCOUNT}'")
        self.repository("team/two")
        names = [each["repositoryName"] for page in ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1}) for each in page["repositories"]]
        self.assertEqual([name for name in names if name.startswith("team/")], ["team/one", "team/two"])
        message = self.refused("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["absent"])
        self.assertEqual(message, f"The repository with name 'absent' does not exist in the registry with id '{ACCOUNT}'")
        self.refused("InvalidParameterException", ecr.create_repository, repositoryName="Not/Allowed")
        self.refused("RepositoryNotFoundException", boto3.client("ecr", region_name="eu-west-1").describe_repositories, repositoryNames=["team/one"])
        arn = made["repositoryArn"]
        ecr.tag_resource(resourceArn=arn, tags=[{"Key": "c", "Value": "d"}])
        ecr.untag_resource(resourceArn=arn, tagKeys=["a"])
        self.assertEqual(ecr.list_tags_for_resource(resourceArn=arn)["tags"], [{"Key": "c", "Value": "d"}])
        ecr.delete_repository(repositoryName="team/one")
        self.refused("RepositoryNotFoundException", ecr.delete_repository, repositoryName="team/one")

    def test_an_image_pushed_by_the_api_is_pulled_by_the_protocol(self):
        self.repository("by/api")
        layers = [b"layer one" * 1000, b"layer two"]
        config = config_of(layers)
        for content in (*layers, config):
            upload = ecr.initiate_layer_upload(repositoryName="by/api")["uploadId"]
            half = len(content) // 2
            ecr.upload_layer_part(repositoryName="by/api", uploadId=upload, partFirstByte=0, partLastByte=half - 1, layerPartBlob=content[:half])
            message = self.refused("InvalidLayerPartException", ecr.upload_layer_part, repositoryName="by/api", uploadId=upload, partFirstByte=half + 1, partLastByte=half + 1, layerPartBlob=b"x")
            self.assertIn(f"begin at byte {half}", message)
            ecr.upload_layer_part(repositoryName="by/api", uploadId=upload, partFirstByte=half, partLastByte=len(content) - 1, layerPartBlob=content[half:])
            self.refused("InvalidLayerException", ecr.complete_layer_upload, repositoryName="by/api", uploadId=upload, layerDigests=["sha256:" + "0" * 64])
            done = ecr.complete_layer_upload(repositoryName="by/api", uploadId=upload, layerDigests=[digest_of(content)])
            self.assertEqual(done["layerDigest"], digest_of(content))
        self.refused("UploadNotFoundException", ecr.complete_layer_upload, repositoryName="by/api", uploadId=upload, layerDigests=[digest_of(b"")])
        manifest = manifest_of(config, layers).decode()
        put = ecr.put_image(repositoryName="by/api", imageManifest=manifest, imageTag="1.0")["image"]
        digest = digest_of(manifest.encode())
        self.assertEqual(put["imageId"], {"imageDigest": digest, "imageTag": "1.0"})
        for reference in ("1.0", digest):
            pulled = ask("GET", f"/v2/by/api/manifests/{reference}")
            self.assertEqual((pulled.status, pulled.body.decode(), pulled.headers["content-type"], pulled.headers["docker-content-digest"]), (200, manifest, IMAGE_TYPE, digest))
        self.assertEqual(ask("GET", f"/v2/by/api/blobs/{digest_of(layers[0])}").body, layers[0])
        url = ecr.get_download_url_for_layer(repositoryName="by/api", layerDigest=digest_of(layers[1]))["downloadUrl"]
        self.assertEqual(ask("GET", url[url.index("/v2/"):], token=False).body, layers[1])
        available = ecr.batch_check_layer_availability(repositoryName="by/api", layerDigests=[digest_of(layers[0]), digest_of(b"other")])["layers"]
        self.assertEqual([each["layerAvailability"] for each in available], ["AVAILABLE", "UNAVAILABLE"])
        detail = ecr.describe_images(repositoryName="by/api")["imageDetails"][0]
        self.assertEqual((detail["imageDigest"], detail["imageTags"], detail["imageSizeInBytes"]), (digest, ["1.0"], len(layers[0]) + len(layers[1]) + len(config)))
        self.assertEqual(ecr.batch_get_image(repositoryName="by/api", imageIds=[{"imageTag": "1.0"}])["images"][0]["imageManifest"], manifest)
        self.refused("LayersNotFoundException", ecr.put_image, repositoryName="by/api", imageManifest=manifest_of(config, [b"nobody pushed this"]).decode())
        self.refused("ImageDigestDoesNotMatchException", ecr.put_image, repositoryName="by/api", imageManifest=manifest, imageDigest="sha256:" + "1" * 64)

    def test_tags_move_and_images_go(self):
        self.repository("tags/here")
        first, _ = push("tags/here", "v1", b"first layer")
        ask("PUT", "/v2/tags/here/manifests/latest", first, content_type=IMAGE_TYPE)
        second, _ = push("tags/here", "latest", b"second layer")
        listed = ecr.list_images(repositoryName="tags/here", filter={"tagStatus": "TAGGED"})["imageIds"]
        self.assertEqual({each["imageTag"]: each["imageDigest"] for each in listed}, {"latest": digest_of(second), "v1": digest_of(first)})
        self.assertEqual(json.loads(ask("GET", "/v2/tags/here/tags/list").body), {"name": "tags/here", "tags": ["latest", "v1"]})
        page = ask("GET", "/v2/tags/here/tags/list?n=1")
        self.assertEqual(json.loads(page.body)["tags"], ["latest"])
        self.assertIn('rel="next"', page.headers["link"])
        message = self.refused("ImageNotFoundException", ecr.describe_images, repositoryName="tags/here", imageIds=[{"imageTag": "v9"}])
        self.assertIn("imageTag:'v9'", message)
        self.refused("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="tags/here")
        ask("PUT", "/v2/tags/here/manifests/more", second, content_type=IMAGE_TYPE)
        ecr.batch_delete_image(repositoryName="tags/here", imageIds=[{"imageTag": "more"}])
        self.assertEqual(ask("HEAD", f"/v2/tags/here/manifests/{digest_of(second)}").status, 200, "a further tag was all that went")
        gone = ecr.batch_delete_image(repositoryName="tags/here", imageIds=[{"imageDigest": digest_of(second)}, {"imageTag": "absent"}])
        self.assertEqual([each["imageTag"] for each in gone["imageIds"]], ["latest"])
        self.assertEqual(gone["failures"][0]["failureCode"], "ImageNotFound")
        self.assertEqual(ask("HEAD", "/v2/tags/here/manifests/latest").status, 404)
        self.assertEqual(ask("DELETE", f"/v2/tags/here/manifests/{digest_of(first)}").status, 202)
        self.assertEqual(ecr.list_images(repositoryName="tags/here")["imageIds"], [])
        push("tags/here", "again", b"first layer")
        ecr.delete_repository(repositoryName="tags/here", force=True)
        self.assertEqual(ask("GET", "/v2/tags/here/tags/list").code, "NAME_UNKNOWN")

    def test_immutable_tags(self):
        self.repository("fixed/tags", imageTagMutability="IMMUTABLE")
        manifest, _ = push("fixed/tags", "v1", b"one")
        self.assertEqual(ask("PUT", "/v2/fixed/tags/manifests/v1", manifest, content_type=IMAGE_TYPE).status, 201, "the same again")
        _, other = push("fixed/tags", "v1", b"two")
        self.assertEqual((other.status, other.code), (400, "TAG_INVALID"))
        ecr.put_image_tag_mutability(repositoryName="fixed/tags", imageTagMutability="MUTABLE")
        self.assertEqual(push("fixed/tags", "v1", b"two")[1].status, 201)

    def test_uploads_in_pieces_mounts_and_what_is_refused(self):
        for name in ("pieces/a", "pieces/b"):
            self.repository(name)
        content = b"0123456789" * 500_000
        begun = ask("POST", "/v2/pieces/a/blobs/uploads/")
        self.assertEqual(begun.status, 202)
        place = begun.headers["location"]
        part = ask("PATCH", place, content[:1_000_000], content_range="0-999999")
        self.assertEqual((part.status, part.headers["range"]), (202, "0-999999"))
        self.assertEqual(ask("GET", place).headers["range"], "0-999999")
        self.assertEqual(ask("PATCH", place, b"x", content_range="5-5").status, 416)
        part = ask("PATCH", place, (content[at:at + 65536] for at in range(1_000_000, len(content), 65536)), transfer_encoding="chunked")
        self.assertEqual(part.headers["range"], f"0-{len(content) - 1}")
        wrong = ask("PUT", place + "?digest=" + digest_of(b"other"))
        self.assertEqual((wrong.status, wrong.code), (400, "DIGEST_INVALID"))
        done = ask("PUT", place + "?digest=" + digest_of(content))
        self.assertEqual((done.status, done.headers["docker-content-digest"]), (201, digest_of(content)))
        self.assertEqual(ask("PUT", place + "?digest=" + digest_of(content)).code, "BLOB_UPLOAD_UNKNOWN")
        blob = f"/v2/pieces/b/blobs/{digest_of(content)}"
        self.assertEqual(ask("HEAD", blob).status, 404)
        mounted = ask("POST", f"/v2/pieces/b/blobs/uploads/?mount={digest_of(content)}&from=pieces/a")
        self.assertEqual(mounted.status, 201)
        self.assertEqual(ask("HEAD", blob).headers["content-length"], str(len(content)))
        self.assertEqual(ask("POST", f"/v2/pieces/b/blobs/uploads/?mount={digest_of(b'none')}&from=pieces/a").status, 202, "then it is to be sent")
        whole = ask("POST", f"/v2/pieces/b/blobs/uploads/?digest={digest_of(b'whole')}", b"whole")
        self.assertEqual((whole.status, ask("GET", whole.headers["location"]).body), (201, b"whole"))
        for method, path, body, status, code in (
            ("POST", "/v2/absent/blobs/uploads/", None, 404, "NAME_UNKNOWN"),
            ("GET", f"/v2/pieces/a/blobs/{digest_of(b'none')}", None, 404, "BLOB_UNKNOWN"),
            ("GET", "/v2/pieces/a/manifests/none", None, 404, "MANIFEST_UNKNOWN"),
            ("PUT", "/v2/pieces/a/manifests/x", b"no json", 400, "MANIFEST_INVALID"),
            ("PUT", "/v2/pieces/a/manifests/x", b'{"schemaVersion": 1}', 400, "MANIFEST_INVALID"),
            ("PUT", "/v2/pieces/a/manifests/x", manifest_of(b"{}", [b"none"]), 404, "MANIFEST_BLOB_UNKNOWN"),
            ("PATCH", "/v2/pieces/a/blobs/uploads/00000000-0000-0000-0000-000000000000", b"x", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("DELETE", f"/v2/pieces/a/blobs/{digest_of(content)}", None, 405, "UNSUPPORTED"),
            ("GET", "/v2/Upper/tags/list", None, 404, "NAME_UNKNOWN"),
        ):
            answer = ask(method, path, body)
            self.assertEqual((answer.status, answer.code), (status, code), (method, path, answer.body))

    def test_a_broken_connection_loses_its_part_alone(self):
        self.repository("broken/off")
        place = ask("POST", "/v2/broken/off/blobs/uploads/").headers["location"]
        ask("PATCH", place, b"first ")
        half = socket.create_connection(HOST.split(":"))
        head = f"PATCH {place} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Basic {TOKEN}\r\ncontent-length: 1000000\r\n\r\n"
        half.sendall(head.encode() + b"x" * 300_000)
        half.close()
        self.assertEqual(ask("GET", place).headers["range"], "0-5")
        ask("PATCH", place, b"second", content_range="6-11")
        self.assertEqual(ask("PUT", place + "?digest=" + digest_of(b"first second")).status, 201)
        large = ask("PUT", "/v2/broken/off/manifests/large", b"x" * (4 * 1024 * 1024 + 1))
        self.assertEqual((large.status, large.code), (413, "SIZE_INVALID"))

    def test_images_of_several_platforms(self):
        self.repository("many/platforms")
        children = []
        for architecture in ("riscv64", "s390x"):
            layer = architecture.encode()
            config = config_of([layer], architecture)
            for content in (layer, config):
                push_blob("many/platforms", content)
            manifest = manifest_of(config, [layer])
            ask("PUT", f"/v2/many/platforms/manifests/{digest_of(manifest)}", manifest, content_type=IMAGE_TYPE)
            children.append({"mediaType": IMAGE_TYPE, "digest": digest_of(manifest), "size": len(manifest), "platform": {"os": "linux", "architecture": architecture}})
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": children}).encode()
        put = ask("PUT", "/v2/many/platforms/manifests/latest", index, content_type=INDEX_TYPE)
        self.assertEqual(put.status, 201, put.body)
        self.assertEqual(ask("GET", "/v2/many/platforms/manifests/latest").body, index)
        kept = ecr.batch_delete_image(repositoryName="many/platforms", imageIds=[{"imageDigest": children[0]["digest"]}])
        self.assertEqual(kept["failures"][0]["failureCode"], "ImageReferencedByManifestList")
        refusal = self.refused(
            "ValidationException", boto3.client("sagemaker").create_model, ModelName="foreign",
            PrimaryContainer={"Image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/many/platforms"},
            ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole",
        )
        self.assertIn("linux/riscv64, linux/s390x, and this host is linux/", refusal)

    def test_nobody_without_a_token_and_nobody_beyond_their_policies(self):
        self.repository("guarded/here")
        for token in (False, base64.b64encode(b"AWS:forged").decode(), base64.b64encode(b"admin:x").decode()):
            answer = ask("GET", "/v2/", token=token)
            self.assertEqual((answer.status, answer.code), (401, "UNAUTHORIZED"))
            self.assertTrue(answer.headers["www-authenticate"].startswith("Basic "))
        self.assertEqual(ask("GET", "/v2/").status, 200)
        iam = boto3.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="Puller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        actions = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_role_policy(RoleName="Puller", PolicyName="pull", PolicyDocument=json.dumps(allow))
        session = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
        puller = login(boto3.client("ecr", aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"], aws_session_token=session["SessionToken"]))
        manifest, _ = push("guarded/here", "v1", b"guarded layer")
        self.assertEqual(ask("GET", "/v2/guarded/here/manifests/v1", token=puller).body, manifest)
        self.assertEqual(ask("GET", f"/v2/guarded/here/blobs/{digest_of(b'guarded layer')}", token=puller).body, b"guarded layer")
        for method, path in (("POST", "/v2/guarded/here/blobs/uploads/"), ("DELETE", "/v2/guarded/here/manifests/v1"), ("GET", "/v2/guarded/here/tags/list")):
            denied = ask(method, path, token=puller)
            self.assertEqual((denied.status, denied.code), (403, "DENIED"), (method, path))
            self.assertIn(b"is not authorized to perform: ecr:", denied.body)
        self.assertEqual(ask("PUT", "/v2/guarded/here/manifests/v2", manifest, token=puller, content_type=IMAGE_TYPE).status, 403)


if __name__ == "__main__":
    unittest.main()

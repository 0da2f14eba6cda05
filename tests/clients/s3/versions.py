"""Versions, conditional writes, tags, and buckets named by the host, through boto3."""
import io
import os
import socket
import unittest
import unittest.mock
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
BUCKET = "client-versions"


def error_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error
    raise AssertionError("no error")


def code_of(call, **arguments):
    error = error_of(call, **arguments)
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def text_of(**arguments):
    return s3.get_object(**arguments)["Body"].read().decode()


class Versions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)
        assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    @classmethod
    def tearDownClass(cls):
        versions = boto3.resource("s3").Bucket(BUCKET).object_versions
        versions.delete()
        s3.delete_bucket(Bucket=BUCKET)

    def test_delete_and_undelete(self):
        one = s3.put_object(Bucket=BUCKET, Key="model", Body=b"one")["VersionId"]
        two = s3.put_object(Bucket=BUCKET, Key="model", Body=b"two")["VersionId"]
        self.assertEqual(text_of(Bucket=BUCKET, Key="model", VersionId=one), "one")
        self.assertEqual(s3.head_object(Bucket=BUCKET, Key="model")["VersionId"], two)
        marker = s3.delete_object(Bucket=BUCKET, Key="model")
        self.assertTrue(marker["DeleteMarker"])
        for call, status in ((s3.get_object, 404), (s3.head_object, 404)):
            error = error_of(call, Bucket=BUCKET, Key="model")
            headers = error.response["ResponseMetadata"]["HTTPHeaders"]
            self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
            self.assertEqual(headers["x-amz-delete-marker"], "true")
        self.assertEqual(code_of(s3.get_object, Bucket=BUCKET, Key="model", VersionId=marker["VersionId"]), ("MethodNotAllowed", 405))
        listing = s3.list_object_versions(Bucket=BUCKET, Prefix="model")
        self.assertEqual([v["VersionId"] for v in listing["Versions"]], [two, one])
        self.assertEqual([m["IsLatest"] for m in listing["DeleteMarkers"]], [True])
        s3.delete_object(Bucket=BUCKET, Key="model", VersionId=marker["VersionId"])
        self.assertEqual(text_of(Bucket=BUCKET, Key="model"), "two")
        self.assertEqual(code_of(s3.get_object, Bucket=BUCKET, Key="model", VersionId="x" * 32), ("NoSuchVersion", 404))
        self.assertEqual(code_of(s3.get_object, Bucket=BUCKET, Key="model", VersionId="nonsense"), ("InvalidArgument", 400))

    def test_multipart_and_copy_make_versions(self):
        part = b"p" * (5 * 1024 * 1024)
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big", Tagging="kind=large")["UploadId"]
        etag = s3.upload_part(Bucket=BUCKET, Key="big", UploadId=upload, PartNumber=1, Body=part)["ETag"]
        made = s3.complete_multipart_upload(
            Bucket=BUCKET, Key="big", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
        )
        self.assertEqual(s3.head_object(Bucket=BUCKET, Key="big")["VersionId"], made["VersionId"])
        copied = s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "big", "VersionId": made["VersionId"]})
        self.assertEqual(copied["CopySourceVersionId"], made["VersionId"])
        self.assertEqual(s3.get_object_tagging(Bucket=BUCKET, Key="copy")["TagSet"], [{"Key": "kind", "Value": "large"}])

    def test_listing_in_pages(self):
        for key in ("page/a", "page/b", "page/c"):
            for number in range(3):
                s3.put_object(Bucket=BUCKET, Key=key, Body=str(number))
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix="page/", PaginationConfig={"PageSize": 2})
        seen = [(v["Key"], v["VersionId"]) for page in pages for v in page.get("Versions", [])]
        self.assertEqual(len(seen), 9)
        self.assertEqual(len(set(seen)), 9)

    def test_conditions(self):
        s3.put_object(Bucket=BUCKET, Key="lock", Body=b"mine", IfNoneMatch="*")
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="lock", Body=b"yours", IfNoneMatch="*"), ("PreconditionFailed", 412))
        etag = s3.head_object(Bucket=BUCKET, Key="lock")["ETag"]
        s3.put_object(Bucket=BUCKET, Key="lock", Body=b"changed", IfMatch=etag)
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="lock", Body=b"late", IfMatch=etag), ("PreconditionFailed", 412))
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="absent", Body=b"x", IfMatch=etag), ("NoSuchKey", 404))

    def test_tags(self):
        s3.put_object(Bucket=BUCKET, Key="tagged", Body=b"x", Tagging="team=data%20science")
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key="tagged")["TagCount"], 1)
        s3.put_object_tagging(Bucket=BUCKET, Key="tagged", Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "ü"}]})
        self.assertEqual(len(s3.get_object_tagging(Bucket=BUCKET, Key="tagged")["TagSet"]), 2)
        told = s3.get_object_attributes(Bucket=BUCKET, Key="tagged", ObjectAttributes=["ETag", "ObjectSize", "Checksum"])
        self.assertNotIn('"', told["ETag"])
        self.assertEqual(told["ObjectSize"], s3.head_object(Bucket=BUCKET, Key="tagged")["ContentLength"])
        self.assertEqual(told["Checksum"]["ChecksumType"], "FULL_OBJECT")
        s3.delete_object_tagging(Bucket=BUCKET, Key="tagged")
        self.assertEqual(s3.get_object_tagging(Bucket=BUCKET, Key="tagged")["TagSet"], [])
        twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
        self.assertEqual(code_of(s3.put_object_tagging, Bucket=BUCKET, Key="tagged", Tagging=twice), ("InvalidTag", 400))
        self.assertEqual(code_of(s3.get_bucket_tagging, Bucket=BUCKET), ("NoSuchTagSet", 404))
        s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "cost", "Value": "1"}]})
        self.assertEqual(s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"], [{"Key": "cost", "Value": "1"}])
        s3.delete_bucket_tagging(Bucket=BUCKET)
        self.assertEqual(code_of(s3.get_bucket_tagging, Bucket=BUCKET), ("NoSuchTagSet", 404))

    def test_buckets_named_by_the_host(self):
        resolve = socket.getaddrinfo
        here = lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)
        with unittest.mock.patch("socket.getaddrinfo", here):  # as systemd's resolver does
            self.use_hosted_buckets()

    def use_hosted_buckets(self):
        port = os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
        for version in ("s3v4", "s3"):
            config = Config(s3={"addressing_style": "virtual"}, signature_version=version)
            hosted = boto3.client("s3", endpoint_url=f"http://localhost:{port}", config=config)
            url = hosted.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "by host/ü"})
            self.assertTrue(url.startswith(f"http://{BUCKET}.localhost:{port}/by%20host/"), url)
            if version == "s3v4":
                hosted.put_object(Bucket=BUCKET, Key="by host/ü", Body=io.BytesIO(b"found"))
                self.assertEqual(hosted.list_objects_v2(Bucket=BUCKET, Prefix="by host")["KeyCount"], 1)
            self.assertEqual(urllib.request.urlopen(url).read(), b"found")


if __name__ == "__main__":
    unittest.main()

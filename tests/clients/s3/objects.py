"""Objects and buckets through boto3."""
import base64
import concurrent.futures
import datetime
import hashlib
import io
import unittest
import urllib.error
import urllib.request
import zlib
from email.utils import parsedate_to_datetime

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
BUCKET = "client-objects"

ODD_KEYS = [
    "plain", "with space", "plus+sign", "percent%41", "percent%2Fslash", "a//b", "/leading", "trailing/", "../up", "./here", "a/../b",
    "ünïcödé/ключ/鍵", "emoji-\U0001f600", "q?uery=1&x=2", "hash#tag", "semi;colon", "quote'\"", "back\\slash", "tilde~", "star*(!)",
    "colon:at@", "comma,equal=", "<xml>&amp;", "new\nline", "tab\there", "x" * 1020,
]


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("no error")


class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)

    def test_put_get_head(self):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        body = b"a,b\n1,2\n"
        put = s3.put_object(Bucket=BUCKET, Key="data.csv", Body=body, ContentType="text/csv", CacheControl="max-age=1",
                            ContentDisposition="attachment", ContentLanguage="de", ContentEncoding="identity",
                            Expires=datetime.datetime(2031, 1, 2, 3, 4, 5), Metadata={"Team": "a b", "x": "1"})
        self.assertEqual(put["ETag"], '"%s"' % hashlib.md5(body).hexdigest())
        got = s3.get_object(Bucket=BUCKET, Key="data.csv")
        self.assertEqual(got["Body"].read(), body)
        head = s3.head_object(Bucket=BUCKET, Key="data.csv")
        for answer in got, head:
            self.assertEqual(answer["ContentLength"], len(body))
            self.assertEqual(answer["ContentType"], "text/csv")
            self.assertEqual(answer["CacheControl"], "max-age=1")
            self.assertEqual(answer["ContentDisposition"], "attachment")
            self.assertEqual(answer["ContentLanguage"], "de")
            self.assertEqual(answer["ContentEncoding"], "identity")
            self.assertIn("2031", answer.get("ExpiresString", ""))
            self.assertEqual(answer["Metadata"], {"team": "a b", "x": "1"})
            self.assertEqual(answer["ETag"], put["ETag"])
            self.assertGreaterEqual(answer["LastModified"], before)

    def test_odd_keys(self):
        for key in ODD_KEYS:
            s3.put_object(Bucket=BUCKET, Key="odd/" + key, Body=key.encode())
        for key in ODD_KEYS:
            self.assertEqual(s3.get_object(Bucket=BUCKET, Key="odd/" + key)["Body"].read(), key.encode(), key)
        for list_all in "list_objects_v2", "list_objects":
            pages = s3.get_paginator(list_all).paginate(Bucket=BUCKET, Prefix="odd/", PaginationConfig={"PageSize": 7})
            found = [entry["Key"] for page in pages for entry in page["Contents"]]
            self.assertEqual(found, sorted(("odd/" + key for key in ODD_KEYS), key=lambda key: key.encode()))
        for key in ODD_KEYS:
            s3.copy_object(Bucket=BUCKET, Key="copied/" + key[:1000], CopySource={"Bucket": BUCKET, "Key": "odd/" + key})
            self.assertEqual(s3.get_object(Bucket=BUCKET, Key="copied/" + key[:1000])["Body"].read(), key.encode(), key)
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "odd/" + key} for key in ODD_KEYS if key != "new\nline"]})
        self.assertEqual(len(answer["Deleted"]), len(ODD_KEYS) - 1)
        s3.delete_object(Bucket=BUCKET, Key="odd/new\nline")
        self.assertEqual(s3.list_objects_v2(Bucket=BUCKET, Prefix="odd/")["KeyCount"], 0)

    def test_ranges(self):
        body = bytes(range(256)) * 40
        s3.put_object(Bucket=BUCKET, Key="range", Body=body)
        for header, expected in {"bytes=0-0": body[:1], "bytes=100-199": body[100:200], "bytes=-5": body[-5:], "bytes=10000-": body[10000:],
                                 "bytes=10000-99999": body[10000:]}.items():
            got = s3.get_object(Bucket=BUCKET, Key="range", Range=header)
            self.assertEqual(got["Body"].read(), expected, header)
            self.assertEqual(got["ResponseMetadata"]["HTTPStatusCode"], 206)
            self.assertTrue(got["ContentRange"].endswith("/%d" % len(body)))
        self.assertEqual(code_of(s3.get_object, Bucket=BUCKET, Key="range", Range="bytes=10240-"), ("InvalidRange", 416))

    def test_conditions(self):
        etag = s3.put_object(Bucket=BUCKET, Key="conditional", Body=b"x")["ETag"]
        modified = s3.head_object(Bucket=BUCKET, Key="conditional")["LastModified"]
        later = modified + datetime.timedelta(seconds=1)
        earlier = modified - datetime.timedelta(seconds=1)
        for call in s3.get_object, s3.head_object:
            call(Bucket=BUCKET, Key="conditional", IfMatch=etag)
            call(Bucket=BUCKET, Key="conditional", IfModifiedSince=earlier)
            with self.assertRaises(ClientError) as unchanged:
                call(Bucket=BUCKET, Key="conditional", IfNoneMatch=etag)
            answer = unchanged.exception.response["ResponseMetadata"]
            # Caches renew what they hold by these two.
            self.assertEqual((answer["HTTPStatusCode"], answer["HTTPHeaders"]["etag"]), (304, etag))
            self.assertEqual(parsedate_to_datetime(answer["HTTPHeaders"]["last-modified"]), modified)
            self.assertEqual(code_of(call, Bucket=BUCKET, Key="conditional", IfModifiedSince=later)[1], 304)
            self.assertEqual(code_of(call, Bucket=BUCKET, Key="conditional", IfMatch='"no"')[1], 412)
            self.assertEqual(code_of(call, Bucket=BUCKET, Key="conditional", IfUnmodifiedSince=earlier)[1], 412)

    def test_checksums(self):
        body = b"checked" * 1000
        crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        sha = base64.b64encode(hashlib.sha256(body).digest()).decode()
        s3.put_object(Bucket=BUCKET, Key="crc", Body=body)
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key="crc", ChecksumMode="ENABLED")["ChecksumCRC32"], crc)
        s3.put_object(Bucket=BUCKET, Key="sha", Body=body, ChecksumAlgorithm="SHA256")
        got = s3.get_object(Bucket=BUCKET, Key="sha", ChecksumMode="ENABLED")
        self.assertEqual((got["ChecksumSHA256"], got["Body"].read()), (sha, body))
        wrong = base64.b64encode(b"\0" * 4).decode()
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="bad", Body=body, ChecksumCRC32=wrong), ("BadDigest", 400))
        md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="bad", Body=body, ContentMD5=md5), ("BadDigest", 400))
        self.assertEqual(code_of(s3.head_object, Bucket=BUCKET, Key="bad"), ("404", 404))

    def test_errors(self):
        self.assertEqual(code_of(s3.get_object, Bucket=BUCKET, Key="absent"), ("NoSuchKey", 404))
        self.assertEqual(code_of(s3.head_object, Bucket=BUCKET, Key="absent"), ("404", 404))
        self.assertEqual(code_of(s3.list_objects_v2, Bucket="no-such-bucket-here"), ("NoSuchBucket", 404))
        self.assertEqual(code_of(s3.put_object, Bucket="no-such-bucket-here", Key="k", Body=b""), ("NoSuchBucket", 404))
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="k" * 1025, Body=b""), ("KeyTooLongError", 400))
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"", ExpectedBucketOwner="999999999999")[1], 403)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"", ExpectedBucketOwner="123456789012")
        self.assertEqual(code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"", StorageClass="STARDAND"), ("InvalidStorageClass", 400))
        with self.assertRaises(s3.exceptions.NoSuchKey) as caught:
            s3.get_object(Bucket=BUCKET, Key="absent")
        self.assertEqual(caught.exception.response["Error"]["Key"], "absent")
        with self.assertRaises(ClientError) as caught:
            s3.head_bucket(Bucket="no-such-bucket-here")
        self.assertEqual((caught.exception.response["Error"]["Code"], caught.exception.response["Error"]["Message"]), ("404", "Not Found"))

    def test_buckets(self):
        west = boto3.client("s3", region_name="eu-west-1")
        west.create_bucket(Bucket="client-west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.assertEqual(s3.get_bucket_location(Bucket="client-west")["LocationConstraint"], "eu-west-1")
        self.assertIsNone(s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"])
        self.assertEqual(s3.head_bucket(Bucket="client-west")["BucketRegion"], "eu-west-1")
        self.assertEqual(code_of(west.create_bucket, Bucket="client-west2"), ("IllegalLocationConstraintException", 400))
        # S3 knows us-east-1 only as the absence of a constraint.
        for constraint in ("us-east-1", "nowhere"):
            self.assertEqual(code_of(s3.create_bucket, Bucket="client-east", CreateBucketConfiguration={"LocationConstraint": constraint}),
                             ("InvalidLocationConstraint", 400))
        self.assertEqual(code_of(west.create_bucket, Bucket="client-west",
                                 CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}), ("BucketAlreadyOwnedByYou", 409))
        names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        self.assertIn("sagemaker-us-east-1-123456789012", names)
        paged = [bucket["Name"] for page in s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1})
                 for bucket in page["Buckets"]]
        self.assertEqual(paged, names)
        s3.put_object(Bucket="client-west", Key="k", Body=b"")
        self.assertEqual(code_of(s3.delete_bucket, Bucket="client-west"), ("BucketNotEmpty", 409))
        boto3.resource("s3").Bucket("client-west").objects.all().delete()
        s3.delete_bucket(Bucket="client-west")
        self.assertNotIn("client-west", [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])

    def test_copy_metadata(self):
        s3.put_object(Bucket=BUCKET, Key="source", Body=b"text", ContentType="text/plain", Metadata={"a": "1"})
        source = {"Bucket": BUCKET, "Key": "source"}
        copied = s3.copy_object(Bucket=BUCKET, Key="kept", CopySource=source)
        self.assertEqual(copied["CopyObjectResult"]["ETag"], '"%s"' % hashlib.md5(b"text").hexdigest())
        self.assertEqual(s3.head_object(Bucket=BUCKET, Key="kept")["Metadata"], {"a": "1"})
        s3.copy_object(Bucket=BUCKET, Key="replaced", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
        self.assertEqual(s3.head_object(Bucket=BUCKET, Key="replaced")["Metadata"], {"b": "2"})
        self.assertEqual(code_of(s3.copy_object, Bucket=BUCKET, Key="source", CopySource=source)[0], "InvalidRequest")
        # Naming a storage class makes a copy onto itself one that says something, also when it is the class the object has.
        s3.copy_object(Bucket=BUCKET, Key="source", CopySource=source, StorageClass="STANDARD")
        s3.copy_object(Bucket=BUCKET, Key="source", CopySource=source, StorageClass="STANDARD")

    def test_unseekable_stream_is_uploaded(self):
        class Pipe(io.RawIOBase):
            def __init__(self):
                self.left = b"streamed" * 1000

            def readable(self):
                return True

            def read(self, size=-1):
                size = len(self.left) if size < 0 else size
                piece, self.left = self.left[:size], self.left[size:]
                return piece

        s3.upload_fileobj(Pipe(), BUCKET, "piped")
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key="piped")["Body"].read(), b"streamed" * 1000)

    def test_presigned_urls_carry_headers_in_their_query(self):
        metadata = {"venue": "123"}
        old = boto3.client("s3", config=Config(signature_version="s3")).generate_presigned_url(
            "put_object", {"Bucket": BUCKET, "Key": "old", "Metadata": metadata, "ContentType": "text/x-old"})
        # As the SDK for JavaScript signs: the header moved into the query before it.
        request = AWSRequest("PUT", f"{s3.meta.endpoint_url}/{BUCKET}/new?x-amz-meta-venue=123&x-amz-sdk-checksum-algorithm=CRC32")
        S3SigV4QueryAuth(boto3.Session().get_credentials(), "s3", "us-east-1").add_auth(request)
        for key, url in (("old", old), ("new", request.url)):
            http = urllib.request.Request(url, b"content", {"Content-Type": "text/x-old"}, method="PUT")
            with urllib.request.urlopen(http) as answer:
                self.assertEqual(answer.status, 200)
            self.assertEqual(s3.head_object(Bucket=BUCKET, Key=key)["Metadata"], metadata)
        for name in "x-amz-meta-venue", "x-amz-meta-other":  # a second value, one that was not signed
            forged = urllib.request.Request(old, b"", {"Content-Type": "text/x-old", name: "forged"}, method="PUT")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(forged)
            self.assertEqual(refused.exception.code, 403)

    def test_writers_at_once(self):
        client = boto3.client("s3", config=Config(max_pool_connections=16))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda at: client.put_object(Bucket=BUCKET, Key="at-once/%03d" % (at % 50), Body=b"%d" % at), range(200)))
            bodies = list(pool.map(lambda at: client.get_object(Bucket=BUCKET, Key="at-once/%03d" % at)["Body"].read(), range(50)))
        for at, body in enumerate(bodies):
            self.assertEqual(int(body) % 50, at)
        self.assertEqual(client.list_objects_v2(Bucket=BUCKET, Prefix="at-once/")["KeyCount"], 50)


if __name__ == "__main__":
    unittest.main()

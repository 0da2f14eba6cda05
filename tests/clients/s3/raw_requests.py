"""Signed requests that SDKs do not send by themselves over http: aws-chunked bodies and interrupted or altered ones."""
import base64
import http.client
import unittest
import zlib
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

session = boto3.Session()
s3 = session.client("s3")
BUCKET = "client-raw"
ENDPOINT = s3.meta.endpoint_url


class GivenHash(S3SigV4Auth):
    """Signs the payload hash that the request names, whatever the body will be."""

    def payload(self, request):
        return request.context["hash"]


def signed_headers(method, path, headers):
    request = AWSRequest(method=method, url=ENDPOINT + path, headers=headers)
    request.context["hash"] = headers["x-amz-content-sha256"]
    GivenHash(session.get_credentials().get_frozen_credentials(), "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def send(method, path, headers, body):
    connection = http.client.HTTPConnection(urlsplit(ENDPOINT).netloc)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    result = answer.status, answer.read().decode()
    connection.close()
    return result


class RawRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)

    def put_chunked(self, key, body, checksum, decoded=None):
        headers = signed_headers("PUT", f"/{BUCKET}/{key}", {
            "Content-Encoding": "aws-chunked,gzip", "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": str(len(body) if decoded is None else decoded),
        })
        half = len(body) // 2
        wire = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:]))
        return send("PUT", f"/{BUCKET}/{key}", headers, wire + b"0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % checksum.encode())

    def test_chunked_with_trailer(self):
        body = b"0123456789" * 10_000
        crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        self.assertEqual(self.put_chunked("good", body, crc), (200, ""))
        got = s3.get_object(Bucket=BUCKET, Key="good", ChecksumMode="ENABLED")
        self.assertEqual((got["Body"].read(), got["ChecksumCRC32"], got["ContentEncoding"]), (body, crc, "gzip"))
        status, text = self.put_chunked("wrong", body, "AAAAAA==")
        self.assertEqual((status, "BadDigest" in text), (400, True), text)
        status, text = self.put_chunked("short", body, crc, decoded=len(body) + 1)
        self.assertEqual(status, 400, text)
        self.assertEqual([entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]], ["good"])

    def test_body_that_is_not_what_was_signed(self):
        headers = signed_headers("PUT", f"/{BUCKET}/altered", {"x-amz-content-sha256": "0" * 64})
        status, text = send("PUT", f"/{BUCKET}/altered", headers, b"altered")
        self.assertEqual(status, 400, text)
        self.assertEqual(s3.list_objects_v2(Bucket=BUCKET, Prefix="altered")["KeyCount"], 0)

    def test_connection_that_breaks_in_the_body(self):
        headers = signed_headers("PUT", f"/{BUCKET}/broken", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        connection = http.client.HTTPConnection(urlsplit(ENDPOINT).netloc)
        connection.putrequest("PUT", f"/{BUCKET}/broken", skip_host=True)
        for name, value in {"Host": urlsplit(ENDPOINT).netloc, "Content-Length": "1000000", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(b"x" * 1000)
        connection.close()
        s3.put_object(Bucket=BUCKET, Key="after", Body=b"")
        self.assertEqual(s3.list_objects_v2(Bucket=BUCKET, Prefix="broken")["KeyCount"], 0)


if __name__ == "__main__":
    unittest.main()

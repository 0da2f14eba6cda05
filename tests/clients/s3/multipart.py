"""Multipart uploads through boto3, mostly by its transfer manager."""
import hashlib
import os
import tempfile
import unittest

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
BUCKET = "client-multipart"
MB = 1024 * 1024


class Multipart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)
        cls.folder = tempfile.TemporaryDirectory()
        cls.body = os.urandom(40 * MB + 123)
        cls.path = os.path.join(cls.folder.name, "file")
        with open(cls.path, "wb") as file:
            file.write(cls.body)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_transfer_manager_there_and_back(self):
        s3.upload_file(self.path, BUCKET, "big file", ExtraArgs={"ContentType": "application/x-tar", "Metadata": {"a": "1"}})
        head = s3.head_object(Bucket=BUCKET, Key="big file")
        pieces = [self.body[at:at + 8 * MB] for at in range(0, len(self.body), 8 * MB)]
        digests = b"".join(hashlib.md5(piece).digest() for piece in pieces)
        self.assertEqual(head["ETag"], '"%s-%d"' % (hashlib.md5(digests).hexdigest(), len(pieces)))
        self.assertEqual((head["ContentType"], head["Metadata"], head["ContentLength"]), ("application/x-tar", {"a": "1"}, len(self.body)))
        target = self.path + "-back"
        s3.download_file(BUCKET, "big file", target, Config=TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB))
        with open(target, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), hashlib.sha256(self.body).digest())
        part = s3.get_object(Bucket=BUCKET, Key="big file", PartNumber=2)
        self.assertEqual(part["Body"].read(), pieces[1])
        self.assertEqual(part["PartsCount"], len(pieces))
        s3.copy({"Bucket": BUCKET, "Key": "big file"}, BUCKET, "copied in parts",
                Config=TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=10 * MB))
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key="copied in parts")["Body"].read(), self.body)
        self.assertEqual(s3.list_multipart_uploads(Bucket=BUCKET, Prefix="big").get("Uploads", []), [])

    def test_by_hand(self):
        place = {"Bucket": BUCKET, "Key": "by/hand"}
        upload = s3.create_multipart_upload(**place)["UploadId"]
        parts = []
        for number, body in enumerate([self.body[:5 * MB], b"rest"], 1):
            etag = s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        self.assertEqual([part["Size"] for part in s3.list_parts(**place, UploadId=upload)["Parts"]], [5 * MB, 4])
        whole = s3.list_parts(**place, UploadId=upload)
        self.assertEqual((whole["IsTruncated"], whole["NextPartNumberMarker"]), (False, 2))
        for wrong in {"MaxParts": -1}, {"MaxParts": 2**31}, {"PartNumberMarker": -1}:
            with self.assertRaises(ClientError) as refused:
                s3.list_parts(**place, UploadId=upload, **wrong)
            self.assertEqual(refused.exception.response["Error"]["Code"], "InvalidArgument", wrong)
        with self.assertRaises(ClientError) as refused:
            s3.list_multipart_uploads(Bucket=BUCKET, MaxUploads=-1)
        self.assertEqual(refused.exception.response["Error"]["Message"],
                         "Argument max-uploads must be an integer between 0 and 2147483647")
        self.assertEqual([entry["UploadId"] for entry in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="by/")["Uploads"]], [upload])
        for wrong, code in [(parts[::-1], "InvalidPartOrder"), ([{"PartNumber": 9, "ETag": "x"}], "InvalidPart")]:
            with self.assertRaises(ClientError) as caught:
                s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": wrong})
            self.assertEqual(caught.exception.response["Error"]["Code"], code)
        s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
        self.assertEqual(s3.get_object(**place)["Body"].read(), self.body[:5 * MB] + b"rest")

    def test_abort(self):
        place = {"Bucket": BUCKET, "Key": "aborted"}
        upload = s3.create_multipart_upload(**place)["UploadId"]
        s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")
        s3.abort_multipart_upload(**place, UploadId=upload)
        with self.assertRaises(s3.exceptions.NoSuchUpload):
            s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")
        with self.assertRaises(ClientError):
            s3.head_object(**place)

    def test_small_parts(self):
        place = {"Bucket": BUCKET, "Key": "small"}
        upload = s3.create_multipart_upload(**place)["UploadId"]
        parts = [{"PartNumber": number, "ETag": s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=b"x")["ETag"]}
                 for number in (1, 2)]
        with self.assertRaises(ClientError) as caught:
            s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
        self.assertEqual(caught.exception.response["Error"]["Code"], "EntityTooSmall")


if __name__ == "__main__":
    unittest.main()

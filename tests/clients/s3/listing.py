"""Listings of 2,500 keys through boto3."""
import concurrent.futures
import unittest

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(max_pool_connections=16))
BUCKET = "client-listing"
KEYS = sorted("part-%d/%04d.csv" % (number % 5, number) for number in range(2500))


def pages(operation, **arguments):
    return list(s3.get_paginator(operation).paginate(Bucket=BUCKET, **arguments))


class Listing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode()), KEYS))

    def test_all_pages(self):
        for operation in "list_objects_v2", "list_objects":
            found = pages(operation)
            self.assertEqual([len(page["Contents"]) for page in found], [1000, 1000, 500])
            self.assertEqual([entry["Key"] for page in found for entry in page["Contents"]], KEYS)
            self.assertEqual(found[0]["Contents"][0]["Size"], len(KEYS[0]))

    def test_folders(self):
        for operation in "list_objects_v2", "list_objects":
            for size in 1, 2, 1000:
                found = pages(operation, Delimiter="/", PaginationConfig={"PageSize": size})
                prefixes = [entry["Prefix"] for page in found for entry in page.get("CommonPrefixes", [])]
                self.assertEqual(prefixes, ["part-%d/" % number for number in range(5)], (operation, size))
                self.assertFalse(any(page.get("Contents") for page in found))

    def test_prefix_and_start(self):
        page = s3.list_objects_v2(Bucket=BUCKET, Prefix="part-3/", StartAfter="part-3/2400.csv", FetchOwner=True)
        self.assertEqual([entry["Key"] for entry in page["Contents"]], [key for key in KEYS if "part-3/2400.csv" < key < "part-4"])
        self.assertEqual(len(page["Contents"][0]["Owner"]["ID"]), 64)
        self.assertEqual(page["StartAfter"], "part-3/2400.csv")
        resource = boto3.resource("s3").Bucket(BUCKET)
        self.assertEqual([entry.key for entry in resource.objects.filter(Prefix="part-1/00")], [key for key in KEYS if key.startswith("part-1/00")])

    def test_delete_all(self):
        s3.create_bucket(Bucket="client-delete")
        for number in range(30):
            s3.put_object(Bucket="client-delete", Key="k%d" % number, Body=b"")
        boto3.resource("s3").Bucket("client-delete").objects.all().delete()
        self.assertEqual(s3.list_objects_v2(Bucket="client-delete")["KeyCount"], 0)


if __name__ == "__main__":
    unittest.main()

"""A model server that comes up but never answers a ping: the endpoint fails when its time is over, and says so."""
import unittest

from account import error_of, sagemaker
from serving import SCRIPT, deploy, log_lines, make_model, remove, variant


class SilentServer(unittest.TestCase):
    def test_it_fails_in_its_time(self):
        make_model("silent", "", script="import time\nprint('thinking', flush=True)\ntime.sleep(3600)\n" + SCRIPT)
        described = deploy("silent", variant("silent", ContainerStartupHealthCheckTimeoutInSeconds=60))
        self.assertEqual(described["EndpointStatus"], "Failed")
        self.assertIn("did not pass the ping health check", described["FailureReason"])
        seconds = (described["LastModifiedTime"] - described["CreationTime"]).total_seconds()
        self.assertGreaterEqual(seconds, 60)
        self.assertIn("thinking", log_lines("silent"))
        remove("silent")
        self.assertIn("Could not find", error_of(sagemaker.describe_endpoint, EndpointName="silent")[1])


if __name__ == "__main__":
    unittest.main()

"""A credential helper of git: the build's role opens the repositories of this server (CodeCommit)."""
import http.client
import json
import os
import sys
from urllib.parse import urlsplit


def main():
    if sys.argv[1:] != ["get"] or "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in os.environ:
        return
    address = urlsplit(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.request("GET", address.path, headers={"authorization": os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit("slipway-git-credential: %s" % text)
    found = json.loads(text)
    print("username=%s%%%s\npassword=%s" % (found["AccessKeyId"], found["Token"], found["SecretAccessKey"]))


main()

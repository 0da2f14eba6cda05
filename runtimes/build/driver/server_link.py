"""Asks the server. One that is being started again is waited for: the build goes on where it was."""
import http.client
import json
import time

RETRY_SECONDS = 0.2
ANSWER_SECONDS = 60


class ServerLink:
    def __init__(self, server):
        self.host, self.port = server["host"], server["port"]
        self.path, self.token = server["path"], server["token"]

    def ask(self, question):
        """Until it is answered; how long a build may take is minded by others."""
        while True:
            try:
                status, text = self.send(question, ANSWER_SECONDS)
                if status == 200:
                    return json.loads(text)
                if status < 500:
                    return {"problem": {"statusCode": "CLIENT_ERROR", "message": text.strip()}}
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(RETRY_SECONDS)

    def hint(self):
        """There is a new record. Nothing depends on its being heard."""
        try:
            self.send({"kind": "hint"}, 1)
        except (OSError, http.client.HTTPException):
            pass

    def send(self, question, seconds):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            headers = {"authorization": self.token, "content-type": "application/json"}
            connection.request("POST", self.path, json.dumps(question), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

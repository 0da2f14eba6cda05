"""Runs one host's share of a batch transform job.

Reads `/opt/ml/input/config/transform.json` (made by the server), sends the records of each input to the model servers named in
SLIPWAY_SERVICES, several requests at once, and writes one output per input that succeeded, in the order of its records. An input
with a bad record has no output; the others go on. `/opt/ml/output/failure` then says which failed and why; exit code 1.
"""
import datetime
import json
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from .assembly import Shaping
from .model_client import ModelClient, ModelError, ModelGone
from .records import MIB, UNLIMITED_BYTES_MAX, BadInput, WholeFile, batches_of, line_batches_of, open_input, records_of

PAYLOAD_MIB_DEFAULT = 6
PAYLOAD_MIB_MAX = 100
FAILURE_CHARS_MAX = 1000
#: A failed payload is asked again in halves until the bad record is found; the file has failed anyhow.
SEARCH_REQUESTS_MAX = 40


def main():
    """The exit code of the process: 0 when every input has its output."""
    base = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"
    with open(os.path.join(base, "input", "config", "transform.json"), encoding="utf-8") as file:
        plan = json.load(file)
    client = ModelClient(json.loads(os.environ["SLIPWAY_SERVICES"]), plan["timeoutSeconds"], plan["retries"])
    try:
        client.wait_until_ready(plan["startupSeconds"])
        limits = Limits.of(plan, client.execution_parameters())
        say(f"MaxConcurrentTransforms={limits.concurrent}, MaxPayloadInMB={limits.payload_mib}, BatchStrategy={limits.strategy}")
        failures = Driver(plan, limits, client, base).run()
    except ModelGone as error:
        return fail(base, f"AlgorithmError: {str(error)[:1].upper()}{str(error)[1:]}.")
    if not failures:
        return 0
    count = f"{len(failures)} of {len(plan['files'])} input files could not be transformed and have no output. " if len(plan["files"]) > 1 else ""
    return fail(base, f"{failures[0].kind}: {count}{failures[0].text}")


def say(text):
    """A line of the data log, in the form AWS gives it."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    print(f"{now}:[sagemaker logs]: {text}", flush=True)


def fail(base, text):
    with open(os.path.join(base, "output", "failure"), "w", encoding="utf-8") as file:
        file.write(text[:FAILURE_CHARS_MAX])
    return 1


class Limits:
    """What holds of payloads and requests: what the user asked for, else what the container says, else AWS's defaults."""

    def __init__(self, payload_mib, concurrent, strategy):
        self.payload_mib, self.strategy = payload_mib, strategy
        self.streams = payload_mib == 0
        self.payload_bytes = payload_mib * MIB or UNLIMITED_BYTES_MAX
        # together they must fit into AWS's 100 MB, also where the container named one of them
        self.concurrent = max(1, min(concurrent, UNLIMITED_BYTES_MAX // self.payload_bytes))
        self.window = max(self.concurrent, min(2 * self.concurrent, UNLIMITED_BYTES_MAX // self.payload_bytes))
        self.single = strategy == "SINGLE_RECORD"

    @classmethod
    def of(cls, plan, said):
        payload = plan["maxPayloadMiB"]
        if payload is None:
            payload = min(_number(said.get("MaxPayloadInMB"), PAYLOAD_MIB_DEFAULT), PAYLOAD_MIB_MAX)
        concurrent = plan["maxConcurrent"] or _number(said.get("MaxConcurrentTransforms"), 1)
        strategy = plan["strategy"] or said.get("BatchStrategy")
        return cls(payload, concurrent, "SINGLE_RECORD" if strategy in ("SingleRecord", "SINGLE_RECORD") else "MULTI_RECORD")


def _number(value, default):
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


class Failure:
    def __init__(self, kind, text):
        self.kind, self.text = kind, text


class InputTask:
    """One input on its way to its output."""

    def __init__(self, file, part_path, output_path):
        self.uri, self.path = file["uri"], file["path"]
        self.part_path, self.output_path = part_path, output_path
        self.part = None
        self.left = 1  # payloads that have no answer yet, and the input's end
        self.failure = None

    def write(self, data):
        if self.part is None:
            self.part = open(self.part_path, "wb")
        self.part.write(data)

    def done_with_one(self):
        """When nothing is left the output appears under its name, whole."""
        self.left -= 1
        if self.left or self.failure:
            return
        self.write(b"")
        self.part.close()
        os.replace(self.part_path, self.output_path)

    def fail(self, kind, text):
        if self.failure:
            return  # the first bad record is the one that is named
        self.failure = Failure(kind, f"{self.uri}: {text}")
        if self.part is not None:
            self.part.close()
            os.unlink(self.part_path)
        say(f"{self.uri.removeprefix('s3://')}: {kind}: {text}")


class Driver:
    def __init__(self, plan, limits, client, base):
        self.plan, self.limits, self.client, self.base = plan, limits, client, base
        self.shaping = Shaping(plan)
        self.under_way = deque()

    def run(self):
        """The failures, in the order of the inputs."""
        parts, outputs = os.path.join(self.base, "output", "parts"), os.path.join(self.base, "output", "transform")
        os.makedirs(parts, exist_ok=True)
        tasks = []
        with ThreadPoolExecutor(self.limits.concurrent, thread_name_prefix="invoke") as pool:
            try:
                for file in self.plan["files"]:
                    task = InputTask(file, os.path.join(parts, file["output"]), os.path.join(outputs, file["output"]))
                    tasks.append(task)
                    self._transform(task, pool)
                while self.under_way:
                    self._take()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [task.failure for task in tasks if task.failure]

    def _transform(self, task, pool):
        """Hands all batches of an input to the pool; takes answers in order whenever the window is full."""
        try:
            for batch in self._batches(task):
                while len(self.under_way) >= self.limits.window:
                    self._take()
                if task.failure:
                    break
                task.left += 1
                self.under_way.append((task, batch, pool.submit(self._invoke, task, batch)))
        except BadInput as error:
            # earlier records' answers first: if one of them is bad it is named
            while any(other is task for other, _, _ in self.under_way):
                self._take()
            task.fail("ClientError", str(error))
        self.under_way.append((task, None, None))

    def _batches(self, task):
        split, gzipped, limits, shaping = self.plan["split"], self.plan["gzip"], self.limits, self.shaping
        looked_into = shaping.input_steps or shaping.by_record
        with open_input(task.path, gzipped) as stream:
            if limits.streams and split == "None" and not looked_into:
                if stream.read(1):
                    yield WholeFile(task.path, gzipped)
            elif split == "Line" and not limits.single and not looked_into:
                yield from line_batches_of(stream, limits.payload_bytes)
            else:
                records = self._shaped(records_of(stream, split, limits.payload_bytes, limits.single))
                yield from batches_of(records, b"\n" if split == "Line" else b"", limits.payload_bytes, limits.single)

    def _shaped(self, records):
        for record in records:
            record.payload = self.shaping.payload(record)
            yield record

    # in the pool's threads

    def _invoke(self, task, batch):
        if task.failure:
            return None
        try:
            return self._ask(batch)
        except ModelError as error:
            return self._explain(batch, error)

    def _ask(self, batch, retries=None):
        def payload():
            if isinstance(batch, WholeFile):
                return batch.chunks()
            return iter((batch.body,)) if self.limits.streams else batch.body

        return self.client.invoke(payload, self.plan["contentType"], self.plan["accept"], retries)

    def _explain(self, batch, error):
        """The failure; where several records were asked together the first bad one is looked for."""
        if not error.status:
            return Failure("AlgorithmError", f"{batch.place}{error} ({self.plan['retries'] + 1} attempts)")
        suspects, requests = batch, 0
        while suspects.count > 1 and requests < SEARCH_REQUESTS_MAX:
            first, second = suspects.halves()
            requests += 1
            refusal = self._refusal(first)
            suspects, error = (first, refusal) if refusal else (second, error)
        if suspects is not batch and not (refusal := self._refusal(suspects)):
            suspects = batch  # only together they are refused
        elif suspects is not batch:
            error = refusal
        kind = "ClientError" if 400 <= error.status < 500 else "AlgorithmError"
        return Failure(kind, f"{suspects.place}the model answered with HTTP status {error.status}: {error}")

    def _refusal(self, batch):
        """Why the model refuses a batch; None when it answers."""
        try:
            self._ask(batch, retries=0).close()
            return None
        except ModelError as error:
            return error

    # taking answers, in order

    def _take(self):
        task, batch, future = self.under_way.popleft()
        if future is None:
            task.done_with_one()
            return
        answer = None
        try:
            answer = future.result()
            if isinstance(answer, Failure):
                task.fail(answer.kind, answer.text)
            elif answer is not None and not task.failure:
                self._write(task, batch, answer)
        except BadInput as error:
            task.fail("ClientError", str(error))
        finally:
            if answer is not None and not isinstance(answer, Failure):
                answer.close()
        task.done_with_one()

    def _write(self, task, batch, answer):
        if self.shaping.by_record:
            end = b"\n" if self.shaping.assemble_lines else b""
            for output in self.shaping.outputs(batch.records, answer.read()):
                task.write(output + end)
            return
        last = b""
        for chunk in answer.chunks():
            task.write(chunk)
            last = chunk
        if self.shaping.assemble_lines and not last.endswith(b"\n"):
            task.write(b"\n")

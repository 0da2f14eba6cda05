"""Reads responses with botocore's own parsers. In: [{id, model, case, status, headers, body}]; out: {id: why it is not the result}."""

import base64
import json
import math
import sys

from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStream
from botocore.model import NoShapeFoundError, OperationModel, ServiceModel
from botocore.parsers import ResponseParserFactory
from botocore.utils import parse_timestamp
from dateutil.tz import tzutc


def timestamp(value):
    return parse_timestamp(value).astimezone(tzutc()).timestamp()


def plain(value):
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, (list, EventStream)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
    return value


def read(written):
    case, model = written["case"], written["model"]
    name = case["given"].get("name", "OperationName")
    given = {"http": {"method": "POST", "requestUri": "/"}, **case["given"], "name": name}
    if model["metadata"]["protocol"] == "query" and "output" in given:
        given["output"] = {**given["output"], "resultWrapper": f"{name}Result"}
    service = ServiceModel({**model, "operations": {name: given}})
    operation = OperationModel(given, service)
    factory = ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=timestamp)
    parser = factory.create_parser(model["metadata"]["protocol"])
    response = {
        "status_code": written["status"],
        "headers": HeadersDict(written["headers"]),
        "body": base64.b64decode(written["body"]),
        "context": {"operation_name": name},
    }
    parsed = parser.parse(response, operation.output_shape)
    if "error" in case:
        try:
            shape = service.shape_for_error_code(parsed["Error"]["Code"])
            parsed.update(parser.parse(response, shape))
        except NoShapeFoundError:
            pass
    parsed.pop("ResponseMetadata", None)
    if "Error" in parsed:
        parsed["Error"] = {key: text for key, text in parsed["Error"].items() if key in ("Code", "Message")}
    expected = case.get("result")
    if "error" in case:
        expected = {"Error": {"Code": case.get("errorCode", ""), "Message": case.get("errorMessage", "")}, **case["error"]}
    return plain(parsed), expected


failures = {}
for written in json.load(sys.stdin):
    try:
        parsed, expected = read(written)
        if parsed != expected:
            failures[written["id"]] = f"botocore reads {json.dumps(parsed)} for {json.dumps(expected)} of {base64.b64decode(written['body']).decode()[:300]}"
    except Exception as error:
        failures[written["id"]] = f"botocore cannot read it: {error!r}"
print(json.dumps(failures))

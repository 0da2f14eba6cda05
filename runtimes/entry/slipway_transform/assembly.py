"""What becomes of records before they are sent and of answers before they are written: filters, join, inference ids."""
import csv
import io
import json
import re
import uuid

from .records import BadInput
from .selection import select

SPECIAL = re.compile(r'["\r\n]')


def row_of(line):
    """The fields of one line of CSV."""
    if '"' not in line:
        return line.split(",")  # the same, many times as fast
    return next(csv.reader([line], strict=True), [])


def line_of(value):
    """One line of CSV: a list is its fields, anything else one field."""
    fields = value if isinstance(value, list) else [value]
    line = ",".join(fields)
    if line and line.count(",") == len(fields) - 1 and not SPECIAL.search(line):
        return line
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(fields)
    return buffer.getvalue()


class Shaping:
    """How one job shapes what goes in and comes out; either `form` is "csv" or "json", and both are one where they are joined."""

    def __init__(self, plan):
        self.input_form, self.output_form = plan["inputForm"], plan["outputForm"]
        self.input_steps, self.output_steps = plan["inputSteps"], plan["outputSteps"]
        self.join, self.inference_time = plan["join"], plan["inferenceTime"]
        self.assemble_lines = plan["assemble"] == "Line"

    @property
    def by_record(self):
        """Whether each answer has to be told apart, or whole bodies are passed on."""
        return bool(self.join or self.output_steps or self.inference_time)

    def payload(self, record):
        """What is sent of a record."""
        if not self.input_steps:
            return record.payload
        try:
            value = select(_parse(record.source, self.input_form), self.input_steps)
            return (line_of(value) if self.input_form == "csv" else _json(value)).encode()
        except BadInput as error:
            raise BadInput(f"{record.place}: InputFilter: {error}") from None

    def outputs(self, records, body):
        """The output of each record, encoded, from the body that answered them all."""
        for record, answer in zip(records, self._answers(body, len(records)), strict=True):
            try:
                yield self._output(record, answer).encode()
            except BadInput as error:
                raise BadInput(f"{record.place}: {error}") from None

    def _answers(self, body, count):
        text = _text(body, "the model's answer")
        if self.output_form == "json" and count == 1:
            try:
                return [json.loads(text)]
            except ValueError:
                raise BadInput("the model's answer is not JSON, so it can be neither filtered nor joined") from None
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) != count:
            raise BadInput(f"the model answered {len(lines)} lines to {count} records, so they cannot be told apart; use SingleRecord")
        return lines if self.output_form == "csv" else [_parse(line.encode(), "json") for line in lines]

    def _output(self, record, answer):
        if self.output_form == "csv":
            return self._csv_output(record, answer.rstrip("\r"))
        value = self._joined(record, answer) if self.join else answer
        if self.output_steps:
            value = self._select(value)
        if self.inference_time:
            value = value if isinstance(value, dict) else {"SageMakerOutput": value}
            value = {**value, "SageMakerInferenceId": str(uuid.uuid4()), "SageMakerInferenceTime": self.inference_time}
        return _json(value)

    def _csv_output(self, record, line):
        if self.join:
            line = f"{_text(record.source, 'it')},{line}"  # as it stood: nothing is quoted anew
        if self.output_steps:
            line = line_of(self._select(_parse(line.encode(), "csv")))
        return f"{line},{uuid.uuid4()},{self.inference_time}" if self.inference_time else line

    def _joined(self, record, answer):
        source = _parse(record.source, "json")
        if isinstance(source, dict):
            return {**source, "SageMakerOutput": answer}
        return {"SageMakerInput": source, "SageMakerOutput": answer}

    def _select(self, value):
        try:
            return select(value, self.output_steps)
        except BadInput as error:
            raise BadInput(f"OutputFilter: {error}") from None


def _parse(source, form):
    text = _text(source, "it")
    try:
        return row_of(text) if form == "csv" else json.loads(text)
    except csv.Error as error:
        raise BadInput(f"it is no row of CSV ({error})") from None
    except (ValueError, RecursionError):
        raise BadInput("it is not JSON") from None


def _text(content, what):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{what} is not UTF-8 text") from None


def _json(value):
    return json.dumps(value, ensure_ascii=False)

"""Splitting, batching and filters of batch transform."""
import csv
import gzip
import io
import json
import os
import random
import struct
import tempfile
import unittest

import support  # noqa: F401 - puts the entry points on the path
from slipway_transform import assembly, records, selection
from slipway_transform.assembly import Shaping
from slipway_transform.records import BadInput, Record


def recordio(payload, magic_inside=False):
    def frame(flag, data):
        return struct.pack("<II", records.RECORDIO_MAGIC, flag << 29 | len(data)) + data + b"\0" * (-len(data) % 4)

    return frame(1, payload[:3]) + frame(3, payload[3:]) if magic_inside else frame(0, payload)


def tfrecord(payload):
    return struct.pack("<Q", len(payload)) + b"CRC1" + payload + b"CRC2"


def shaping(form="csv", **more):
    return Shaping({"inputForm": form, "outputForm": form, "inputSteps": None, "outputSteps": None, "join": False, "inferenceTime": None, "assemble": "Line", **more})


class SplitTest(unittest.TestCase):
    def test_lines_have_no_breaks_and_blank_lines_are_no_records(self):
        found = list(records.lines_of(io.BytesIO(b"a,1\r\n\n  \nb,2\nc"), 100))
        self.assertEqual([(r.payload, r.number, r.line) for r in found], [(b"a,1", 1, 1), (b"b,2", 2, 4), (b"c", 3, 5)])

    def test_a_line_of_exactly_the_limit_fits_and_one_byte_more_is_named(self):
        for end in (b"\n", b"\r\n", b""):
            self.assertEqual([r.payload for r in records.lines_of(io.BytesIO(b"12345" + end), 5)], [b"12345"])
            with self.assertRaisesRegex(BadInput, "line 2 is longer than the payload limit of 5 bytes"):
                list(records.lines_of(io.BytesIO(b"1\n123456" + end), 5))

    def test_blocks_of_lines_are_the_same_as_batches_of_single_lines(self):
        chance = random.Random(7)
        for _ in range(3000):
            lines = [b"x" * chance.choice([0, 1, 2, 5, 9]) for _ in range(chance.randrange(12))]
            content = chance.choice([b"\n", b"\r\n"]).join(lines) + chance.choice([b"", b"\n", b"\n\n"])
            limit = chance.randrange(9, 30)
            slow = list(records.batches_of(records.lines_of(io.BytesIO(content), limit), b"\n", limit, False))
            fast = list(records.line_batches_of(io.BytesIO(content), limit))
            one_by_one = [(r.line, r.payload) for batch in slow for r in batch.records]
            blocks = [(b.line + n, line.rstrip(b"\r")) for b in fast for n, line in enumerate(b.body.split(b"\n"))]
            self.assertEqual(blocks, one_by_one, (content, limit))
            self.assertTrue(all(len(b.body) <= limit + 1 for b in fast), (content, limit))
            if b"\r" not in content and not any(line == b"" for line in content.rstrip(b"\n").split(b"\n")):
                self.assertEqual([b.body for b in fast], [b.body for b in slow], (content, limit))

    def test_a_block_with_a_line_over_the_limit_names_it(self):
        with self.assertRaisesRegex(BadInput, "line 3 is longer"):
            list(records.line_batches_of(io.BytesIO(b"12\n34\n1234567\n"), 5))

    def test_halves_keep_line_numbers(self):
        first, second = records.LineBatch(b"a\nb\nc\nd", 10).halves()
        self.assertEqual((first.place, second.place), ("lines 10 to 11: ", "lines 12 to 13: "))
        self.assertEqual([half.count for half in records.LineBatch(b"aaaaaaaa\nb", 1).halves()], [1, 1])

    def test_recordio_records_keep_their_frames_among_many_and_lose_them_alone(self):
        content = recordio(b"first") + recordio(b"se\xffcond", magic_inside=True) + recordio(b"")
        framed = list(records.recordio_of(io.BytesIO(content), 1000, framed=True))
        self.assertEqual(b"".join(r.payload for r in framed), content)
        magic = struct.pack("<I", records.RECORDIO_MAGIC)
        alone = [r.payload for r in records.recordio_of(io.BytesIO(content), 1000, framed=False)]
        self.assertEqual(alone, [b"first", b"se\xff" + magic + b"cond", b""])

    def test_broken_recordio_names_the_record(self):
        good = recordio(b"first")
        for content, why in ((good + b"xx", "record 2: the file ends within a RecordIO header"), (good + b"12345678", "record 2 does not begin"),
                             (good + recordio(b"second")[:-2], "record 2: the file ends within it"), (recordio(b"0123456789"), "larger than the payload limit of 8 bytes")):
            with self.assertRaisesRegex(BadInput, why):
                list(records.recordio_of(io.BytesIO(content), 8, framed=False))

    def test_tfrecords(self):
        content = tfrecord(b"one") + tfrecord(b"three")
        self.assertEqual(b"".join(r.payload for r in records.tfrecords_of(io.BytesIO(content), 100, True)), content)
        self.assertEqual([r.payload for r in records.tfrecords_of(io.BytesIO(content), 100, False)], [b"one", b"three"])
        with self.assertRaisesRegex(BadInput, "record 2: the file ends within it"):
            list(records.tfrecords_of(io.BytesIO(content[:-1]), 100, True))
        with self.assertRaisesRegex(BadInput, "or the file is no TFRecord file"):
            list(records.tfrecords_of(io.BytesIO(b"just some text that is long"), 100, True))

    def test_a_whole_file_over_the_limit_says_what_to_do(self):
        with self.assertRaisesRegex(BadInput, "larger than the payload limit of 1 MB; split it"):
            list(records.whole_of(io.BytesIO(b"x" * (1024**2 + 1)), 1024**2))
        self.assertEqual(list(records.whole_of(io.BytesIO(b""), 10)), [])

    def test_batches_fill_up_to_the_payload(self):
        one = [Record(b"12345", n + 1, n + 1) for n in range(5)]
        self.assertEqual([b.body for b in records.batches_of(iter(one), b"\n", 11, False)], [b"12345\n12345", b"12345\n12345", b"12345"])
        self.assertEqual([b.count for b in records.batches_of(iter(one), b"\n", 11, True)], [1] * 5)

    def test_damaged_gzip_is_the_files_fault(self):
        whole = gzip.compress(os.urandom(5000))
        for content in (b"plain", whole[:-20], whole[:100]):
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                with self.assertRaisesRegex(BadInput, "cannot be decompressed as gzip"), records.open_input(file.name, True) as stream:
                    stream.read()


NAMES = {"kind": "names", "names": ["id"]}
ONE_ON = {"kind": "slice", "start": 1, "end": None}


class SelectionTest(unittest.TestCase):
    def test_steps(self):
        value = {"id": 7, "rows": [{"a": 1}, {"a": 2}, {"a": 3}], "b": 5}
        cases = [
            ([NAMES], 7),
            ([{"kind": "names", "names": ["id", "b"]}], {"id": 7, "b": 5}),
            ([{"kind": "names", "names": ["rows"]}, {"kind": "indexes", "indexes": [-1]}], {"a": 3}),
            ([{"kind": "names", "names": ["rows"]}, {"kind": "indexes", "indexes": [2, 0]}, {"kind": "names", "names": ["a"]}], [3, 1]),
            ([{"kind": "names", "names": ["rows"]}, {"kind": "slice", "start": 0, "end": 2}], [{"a": 1}, {"a": 2}]),
            ([{"kind": "names", "names": ["rows"]}, {"kind": "all"}, {"kind": "names", "names": ["a"]}], [1, 2, 3]),
            ([{"kind": "all"}], [7, [{"a": 1}, {"a": 2}, {"a": 3}], 5]),
            ([], value),
        ]
        for steps, expected in cases:
            self.assertEqual(selection.select(value, steps), expected, steps)
        self.assertEqual(selection.select([0, 1, 2, 3, 4, 5], [{"kind": "slice", "start": 1, "end": 4}]), [1, 2, 3])

    def test_what_leads_nowhere_is_said(self):
        for value, steps, why in (({}, [NAMES], "no attribute 'id'"), ([1], [NAMES], "no attribute 'id'"), ([1], [{"kind": "indexes", "indexes": [1]}], "index 1 is not within its 1"),
                                  ({}, [ONE_ON], "a slice leads nowhere"), (3, [{"kind": "all"}], "no list")):
            with self.assertRaisesRegex(BadInput, why):
                selection.select(value, steps)


class ShapingTest(unittest.TestCase):
    def outputs(self, shaped, sources, body):
        rows = [Record(source, n + 1, n + 1, source) for n, source in enumerate(sources)]
        return [output.decode() for output in shaped.outputs(rows, body)]

    def test_input_filter_of_csv_quotes_again_what_needs_it(self):
        record = Record(b"", 1, 1, b'id-1,"a, ""b""",2.50')
        self.assertEqual(shaping(inputSteps=[ONE_ON]).payload(record), b'"a, ""b""",2.50')
        self.assertEqual(shaping(inputSteps=[{"kind": "indexes", "indexes": [2]}]).payload(record), b"2.50")

    def test_rows_without_quotes_are_read_and_written_as_the_csv_module_does(self):
        chance = random.Random(5)
        for _ in range(3000):
            fields = ["".join(chance.choices(["a", "1", " ", "", ",", '"', ".", "\u00e9"], k=chance.randrange(4))) for _ in range(chance.randrange(1, 5))]
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="").writerow(fields)
            self.assertEqual(assembly.line_of(fields), buffer.getvalue())
            self.assertEqual(assembly.row_of(buffer.getvalue()), fields)

    def test_csv_join_leaves_the_input_as_it_stood(self):
        shaped = shaping(join=True)
        self.assertEqual(self.outputs(shaped, [b'"a, b",1', b"c,2"], b"0.5\n0.75\n"), ['"a, b",1,0.5', "c,2,0.75"])
        filtered = shaping(join=True, outputSteps=[{"kind": "indexes", "indexes": [0, -1]}])
        self.assertEqual(self.outputs(filtered, [b'"a, b",1'], b"0.5"), ['"a, b",0.5'])

    def test_json_join_adds_an_attribute_or_makes_an_object(self):
        shaped = shaping("json", join=True)
        found = [json.loads(text) for text in self.outputs(shaped, [b'{"key": 1}', b"[1, 2]"], b'{"label": 1}\n7\n')]
        self.assertEqual(found, [{"key": 1, "SageMakerOutput": {"label": 1}}, {"SageMakerInput": [1, 2], "SageMakerOutput": 7}])
        picked = shaping("json", join=True, outputSteps=[{"kind": "names", "names": ["id", "SageMakerOutput"]}])
        self.assertEqual(self.outputs(picked, [b'{"id": "x", "features": [1]}'], b'{"score":\n 0.5}'), ['{"id": "x", "SageMakerOutput": {"score": 0.5}}'])

    def test_inference_ids_are_appended(self):
        line = self.outputs(shaping(inferenceTime="2026-01-02T03:04:05Z"), [b"1"], b"0.5\n")[0]
        self.assertRegex(line, r"^0\.5,[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21},2026-01-02T03:04:05Z$")
        found = json.loads(self.outputs(shaping("json", inferenceTime="T"), [b"1"], b'{"output": 0}')[0])
        self.assertEqual((found["output"], found["SageMakerInferenceTime"], len(found["SageMakerInferenceId"])), (0, "T", 36))

    def test_answers_that_cannot_be_told_apart_fail(self):
        with self.assertRaisesRegex(BadInput, "answered 1 lines to 2 records"):
            self.outputs(shaping(join=True), [b"1", b"2"], b"0.5\n")
        with self.assertRaisesRegex(BadInput, "line 2: it is not JSON"):
            self.outputs(shaping("json", join=True), [b"{}", b"{"], b"1\n2\n")
        with self.assertRaisesRegex(BadInput, "line 1: InputFilter: index 3 is not within its 2 elements"):
            shaping(inputSteps=[{"kind": "indexes", "indexes": [3]}]).payload(Record(b"", 1, 1, b"a,b"))
        with self.assertRaisesRegex(BadInput, "line 1: OutputFilter: it has no attribute 'id'"):
            self.outputs(shaping("json", outputSteps=[NAMES]), [b"{}"], b"{}")


if __name__ == "__main__":
    unittest.main()

"""What builds keep and hide: patterns of files, names in artifacts, secrets in the log."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "driver"))

import artifacts
import console
from failure import BuildFailed


class Patterns(unittest.TestCase):
    FILES = ["a.txt", ".hidden", "sub/b.txt", "sub/deep/c.log", "sub/deep/d.txt"]

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.base = self.folder.name
        for name in self.FILES:
            path = os.path.join(self.base, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(name)
        os.symlink("a.txt", self.base + "/link")
        os.symlink("nowhere", self.base + "/dangling")

    def found(self, *patterns, exclude=(), links=False):
        return sorted(artifacts.matching(self.base, list(patterns), list(exclude), {"EXT": "log"}, links))

    def test_patterns(self):
        everything = sorted([*self.FILES, "link"])
        self.assertEqual(self.found("**/*"), everything)
        self.assertEqual(self.found("*"), [".hidden", "a.txt", "link"])
        self.assertEqual(self.found("sub/*"), ["sub/b.txt"])
        self.assertEqual(self.found("**/*.txt"), ["a.txt", "sub/b.txt", "sub/deep/d.txt"])
        self.assertEqual(self.found("sub/**/*", exclude=["**/*.$EXT"]), ["sub/b.txt", "sub/deep/d.txt"])
        self.assertEqual(self.found("./a.txt", self.base + "/sub/b.txt"), ["a.txt", "sub/b.txt"])
        self.assertEqual(self.found("sub/deep/?.log"), ["sub/deep/c.log"])
        self.assertEqual(self.found("sub"), [])
        self.assertIn("dangling", self.found("*", links=True))

    def test_names(self):
        self.assertEqual(artifacts.named(["x/b", "a"], False), [("a", "a"), ("x/b", "x/b")])
        self.assertEqual(artifacts.named(["x/b", "a"], True), [("a", "a"), ("b", "x/b")])
        self.assertEqual(artifacts.named(["../../c"], False), [("c", "../../c")])

    def test_a_base_directory_that_is_not_there(self):
        start = {"sources": [{"directory": self.base}]}
        self.assertEqual(artifacts.base_directory(start, "s*b", {}), self.base + "/sub")
        with self.assertRaises(BuildFailed):
            artifacts.base_directory(start, "none", {})

    def test_the_same_files_give_the_same_bytes(self):
        members = artifacts.named(["sub/b.txt", "a.txt"], False)
        contents = []
        for at in range(2):
            os.utime(self.base + "/a.txt", (at, at))
            target = "%s/out-%d/made.zip" % (self.base, at)
            artifacts.write_zip(self.base, members, target, False)
            with open(target, "rb") as file:
                contents.append(file.read())
        self.assertEqual(contents[0], contents[1])


class Secrets(unittest.TestCase):
    def tearDown(self):
        console.hide([])

    def test_hidden_whole_and_by_line_longest_first(self):
        console.hide(["secret", "secret-longer", "first line\nsecond line", "ab"])
        self.assertEqual(console.masked(b"a secret-longer, secret; second line; ab"), b"a ***, ***; ***; ab")


if __name__ == "__main__":
    unittest.main()

"""What scripts written for the AWS images import without installing it themselves."""
import importlib
import unittest


class Libraries(unittest.TestCase):
    def test_what_scripts_for_the_aws_images_import_is_there(self):
        for name in ("boto3", "joblib", "numpy", "pandas", "pyarrow", "requests", "scipy", "sklearn", "xgboost", "yaml"):
            with self.subTest(name):
                importlib.import_module(name)


if __name__ == "__main__":
    unittest.main()

"""The SageMaker SDK's own helper around Lambda: what its LambdaStep does before a pipeline is made."""
import os
import tempfile
import unittest

from sagemaker.lambda_helper import Lambda

ROLE = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"


class Helper(unittest.TestCase):
    def test_upsert_invoke_delete(self):
        folder = tempfile.mkdtemp()
        script = os.path.join(folder, "register.py")

        def write(answer):
            with open(script, "w") as file:
                file.write("def handler(event, context):\n    return {'statusCode': 200, 'body': event.get('name', 'nothing') + '%s'}\n" % answer)

        write("!")
        # Its default runtime is python3.8.
        function = Lambda(function_name="sdk-helper", execution_role_arn=ROLE, script=script, handler="register.handler", timeout=30, memory_size=256)
        arn = function.upsert()["FunctionArn"]
        self.assertEqual(arn, "arn:aws:lambda:us-east-1:123456789012:function:sdk-helper")
        self.assertEqual(function.invoke()["StatusCode"], 200)
        write("?")
        function.upsert()  # is there already: its code is updated
        answer = Lambda(function_arn=arn).invoke()
        self.assertIn(b"nothing?", answer["Payload"].read())
        function.delete()
        with self.assertRaises(ValueError):
            function.invoke()


if __name__ == "__main__":
    unittest.main()

"""Writes the name of the newest model to the parameter store, for the template that deploys it."""
import json

import boto3


def lambda_handler(event, context):
    boto3.client("ssm").put_parameter(Name="HelloModelNameSps", Value=event["model_name"], Type="String", Overwrite=True)
    return {"statusCode": 200, "body": json.dumps(f"Recorded {event['model_name']}."), "recorded_name": event["model_name"]}

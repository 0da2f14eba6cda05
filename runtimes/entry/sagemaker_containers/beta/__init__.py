"""The path under which older scripts import AWS's container toolkit."""

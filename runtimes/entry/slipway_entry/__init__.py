"""What runs inside jobs and model servers in place of the AWS framework images' entry points.

Standard library and the libraries of the `ml` runtime only; heavy imports are made where they are used, so that a
script-mode job pays for none of them.
"""

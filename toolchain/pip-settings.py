"""Prints pip's effective settings as JSON, so that uv downloads from where pip would.

Run by the Python whose pip is asked. Keys are option names (`index-url`), values strings; several values are separated by blanks.
"""
import ast
import json
import subprocess
import sys

listing = subprocess.run(
    [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
).stdout
settings = {}
# pip lists lowest precedence first; a section named after the command (`install`) outranks `global`, the environment both.
ranks = {"global": 0, "install": 1, ":env:": 2}
best = {}
for line in listing.splitlines():
    name, _, value = line.partition("=")
    section, _, option = name.rpartition(".")
    if section not in ranks or not value:
        continue
    if ranks[section] >= best.get(option, 0):
        best[option] = ranks[section]
        settings[option] = " ".join(str(ast.literal_eval(value)).split())
json.dump(settings, sys.stdout)

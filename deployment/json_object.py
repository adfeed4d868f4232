"""Prints a JSON object of the arguments: json_object.py NAME=VALUE … Values are strings, whatever is in them."""

import json
import sys

print(json.dumps(dict(argument.split("=", 1) for argument in sys.argv[1:]), indent=2, ensure_ascii=False))

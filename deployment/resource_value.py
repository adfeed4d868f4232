"""Print a value of a resource that `gcloud … --format=json` prints; nothing if there is none.

    gcloud run services describe worker --format=json | resource_value.py metadata.labels.commit

The path is one of resource_diff.py.
"""

import json
import sys

from resource_diff import find

if __name__ == "__main__":
    value = find(json.load(sys.stdin), sys.argv[1])
    if value is not None:
        print(value)

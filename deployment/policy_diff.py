"""Compare alert policies with what the deployment wants.

    gcloud monitoring policies list --format=json | policy_diff.py FILE …

Finds the policy of each file by its user labels, and prints a line for the file: the alert, the policy's name, and the
fields that differ, with tabs between them. The name is `none` where there is no such policy.
"""

import json
import sys
from pathlib import Path

from resource_diff import differences

if __name__ == "__main__":
    policies = json.load(sys.stdin)
    for file in sys.argv[1:]:
        wanted = json.loads(Path(file).read_text(encoding="utf-8"))
        labels = wanted["userLabels"]
        policy = next((one for one in policies if labels.items() <= one.get("userLabels", {}).items()), None)
        fields = "" if policy is None else " ".join(differences(policy, wanted))
        print(labels["alert"], "none" if policy is None else policy["name"], fields, sep="\t")

"""What to do where a policy of the organization refuses a request: by the constraints that an error names.

https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints
"""

import re
from collections.abc import Iterable

_ADVICE = {
    "iam.allowedPolicyMemberDomains": (
        "members must be of your organization, and everybody may call the recipient's page and mail events: have "
        "{project} excepted, or deploy without the two, by MAIL_UNSUBSCRIBE_GROUP and MAIL_EVENTS=off."
    ),
    "iam.disableServiceAccountCreation": "each function has an account of its own: have {project} excepted.",
    "run.allowedIngress": (
        "the recipient's page, mail events and the console are called from anywhere, all others from inside: have "
        "{project} excepted."
    ),
    "run.allowedVPCEgress": "set VPC_NETWORK, VPC_SUBNET, and VPC_EGRESS to a way out that the policy allows.",
    "run.allowedBinaryAuthorizationPolicies": "images have no attestations: have {project} excepted.",
    "cloudbuild.allowedWorkerPools": "set BUILD_POOL to a pool that the policy allows.",
    "gcp.resourceLocations": "set REGION and FIRESTORE_LOCATION to places that the policy allows.",
    "gcp.restrictServiceUsage": "have the APIs allowed for {project} that docs/guides/organization.md lists.",
    "gcp.restrictNonCmekServices": "set KMS_KEY to a key of your own (docs/guides/encryption.md).",
    "gcp.restrictCmekCryptoKeyProjects": "set KMS_KEY to a key of a project that the policy allows.",
}
_MANAGED = {
    "iam.managed.allowedPolicyMembers": "iam.allowedPolicyMemberDomains",
    "iam.managed.disableServiceAccountCreation": "iam.disableServiceAccountCreation",
}
"""Of those in the newer form, the older ones that ask for the same."""


def constraints_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of the constraints that an error names, such as gcp.resourceLocations and custom.noPublicServices."""
    found = [name for text in texts for name in re.findall(r"(?:c|customC)onstraints/([A-Za-z.]+[A-Za-z])", text)]
    return tuple(dict.fromkeys(found))


def advice_about(constraints: Iterable[str]) -> str:
    """What to do about the first of them that is known, and where to read on."""
    known = [_ADVICE[name] for name in (_MANAGED.get(each, each) for each in constraints) if name in _ADVICE]
    what = known[0] if known else "ask the administrator of your organization for an exception for {project}."
    return f"a policy of your organization forbids this: {what} docs/guides/organization.md says more."

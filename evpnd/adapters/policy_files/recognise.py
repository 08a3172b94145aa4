"""Which files are policies, by what they begin with."""

from evpnd.adapters.yaml.reader import Document


def is_policy(document: Document) -> bool:
    """Return whether a file is a policy file: it has the key ``policy``.

    One that lacks it has rules, and nothing that a configuration begins with.
    """
    value = document.value
    return isinstance(value, dict) and (
        "policy" in value
        or ("rules" in value and not {"asn", "vtep", "peers", "evis"} & value.keys())
    )

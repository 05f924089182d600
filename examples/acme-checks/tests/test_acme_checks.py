"""Every example of the pack: the bad one is found, the good one is clean, the remedy cures the bad one."""

from validate_schema.testing.examples import examples

test_examples = examples("acme_checks")

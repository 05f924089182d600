"""What gives the tenant context, by whatever name it goes."""

import pytest

from validate_schema.facts.context import is_helper, is_vouched_for
from validate_schema.model.catalog import QName
from validate_schema.model.tenancy import Tenancy


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        ("current_org()", QName("app", "current_org"), True),
        ("app.current_org()", QName("app", "current_org"), True),
        ("App.Current_Org", QName("app", "current_org"), True),
        ("app.current_org()", QName("public", "current_org"), False),
        ('app."currentOrg"()', QName("app", "currentOrg"), True),
        ("app.currentOrg", QName("app", "currentOrg"), True),
        ('"weird.schema".f()', QName("weird.schema", "f"), True),
        ("f(1)", QName("public", "f"), False),
        ("", QName("public", "f"), False),
        (None, QName("public", "f"), False),
    ],
)
def test_the_helper_is_written_as_sql_or_as_it_is_stored(
    call: str | None, name: QName, expected: bool
) -> None:
    assert is_helper(name, call) is expected
    assert is_vouched_for(name, Tenancy(current_tenant=call)) is expected
    assert not is_vouched_for(name, Tenancy(current_tenant=call, inferred={"current_tenant": "found"}))

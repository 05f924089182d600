"""Finding, reading and explaining the configuration."""

import hashlib
import json
import re
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from validate_schema.config import (
    ColumnConfig,
    Config,
    ExemptConfig,
    LevelConfig,
    LoadedConfig,
    NullMeansConfig,
    SuppressConfig,
    TenancyConfig,
    load,
    parse_toml,
)
from validate_schema.config.schema import config_schema, schema_text
from validate_schema.facts.facts import ConfigName, SuppressionUse
from validate_schema.facts.mentions import config_names, suppression_uses
from validate_schema.model.catalog import QName
from validate_schema.model.errors import ConfigError
from validate_schema.sql.patterns import parse_name, parse_pattern, write_name

ROOT = Path(__file__).parents[2]
DESIGNED = """
[tenancy]
root = "Organization"
column = "orgId"
setting = "app.current_tenant_id"
app_roles = ["app_user"]
global = ["User"]
inherited = ["WorkflowJob"]
exempt = [{ table = "IngestionJob", reason = "queue, no tenant data", expires = 2027-01-01 }]
null_rows = [{ table = "Template", null_means = "global" }]
[contract]
from = ["snapshot.json"]
closed = false
enums.TaskStatus = ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]
[contract.tables.TestSuite]
unique = [["orgId", "repositoryId", "name", "runId"]]
indexes = [["orgId", "repositoryId"]]
columns.key_version = { type = "integer", nullable = false, default = "1" }
policies.tenant_isolation = { command = "ALL", roles = ["app_user"], using = "\\"orgId\\" = current_setting('app.t', true)" }
grants.app_user = ["SELECT", "INSERT"]
[migrations]
path = "prisma/migrations"
replay = true
[report]
title = "Validation Report"
groups = { "Core Tables" = ["User", "Task"], "GitHub Integration" = ["Installation"] }
[checks]
select = ["RLS", "UNQ001"]
severity = { UNQ003 = "error" }
[[checks.suppress]]
check = "UNQ001"
object = "User.User_email_key"
reason = "login identity is global"
expires = 2027-06-30
"""


def test_every_key_of_the_design_is_read() -> None:
    config = parse_toml(DESIGNED, "validate-schema.toml")
    assert config.tenancy == TenancyConfig(
        root="Organization",
        column="orgId",
        setting="app.current_tenant_id",
        app_roles=("app_user",),
        global_=("User",),
        inherited=("WorkflowJob",),
        exempt=(
            ExemptConfig(table="IngestionJob", reason="queue, no tenant data", expires=date(2027, 1, 1)),
        ),
        null_rows=(NullMeansConfig(table="Template"),),
    )
    assert config.contract.tables["TestSuite"].columns == {
        "key_version": ColumnConfig(type="integer", nullable=False, default="1")
    }
    assert config.checks.suppress == (
        SuppressConfig(
            check="UNQ001",
            object="User.User_email_key",
            reason="login identity is global",
            expires="2027-06-30",
        ),
    )
    assert config.report.groups == {"Core Tables": ("User", "Task"), "GitHub Integration": ("Installation",)}


def test_an_empty_file_leaves_everything_to_be_inferred() -> None:
    assert parse_toml("", "f.toml") == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tenancy]\nglobl = ["x"]', 'tenancy.globl: unknown key; did you mean "global"?'),
        ('app_roles = ["x"]', 'app_roles: unknown key; did you mean "tenancy.app_roles"?'),
        (
            "zzz = 1",
            "zzz: unknown key; known here: checks, contract, data, fleet, hazards, limits, migrations, prove, report,"
            " tenancy, threat",
        ),
        (
            '[contract.tables."a.b"]\ncolumns.x = { defalt = 1 }',
            'contract.tables."a.b".columns.x.defalt: unknown key; did you mean "default"?',
        ),
        ("[tenancy]\nroot = 1", "tenancy.root: expected a text, got the number 1"),
        ("[tenancy]\ncolumn = 3", "tenancy.column: expected a text or a list of texts, got the number 3"),
        ('[tenancy]\ncolumn = ["a", ""]', "tenancy.column[1]: the text is empty"),
        ('[tenancy]\napp_roles = "x"', "tenancy.app_roles: expected a list of texts, got the text 'x'"),
        ("tenancy = true", "tenancy: expected a table, got true"),
        ('[tenancy]\nexempt = [{ table = "a" }]', "tenancy.exempt[0]: the key 'reason' is missing"),
        (
            '[tenancy]\nexempt = [{ table = "a", reason = "b", expires = "soon" }]',
            "tenancy.exempt[0].expires: expected a date such as 2027-01-31, got 'soon'",
        ),
        ("[data]\nlimit = 0", "data.limit: expected at least 1, got 0"),
        ("[data]\nlimit = 1.5", "data.limit: expected a whole number, got the number 1.5"),
        (
            '[checks]\nseverity = { A = "warn" }',
            "checks.severity.A: expected one of error, warning, info, got 'warn'; did you mean \"warning\"?",
        ),
        (
            '[contract.tables.x]\npolicies.p = { command = "select" }',
            "contract.tables.x.policies.p.command: expected one of ALL, SELECT, INSERT, UPDATE, DELETE, "
            "got 'select'; did you mean \"SELECT\"?",
        ),
        (
            "[contract.tables.x]\ncolumns.a = { default = true }",
            'contract.tables.x.columns.a.default: write default = "true"; without quotes only false is known, '
            "and means that there is no default",
        ),
        (
            '[tenancy]\nglobal = ["a"]\ninherited = ["a"]',
            "tenancy.global: 'a' is also in tenancy.inherited; a table has one class",
        ),
        (
            '[tenancy]\nglobal = ["a.b.c"]',
            "tenancy.global: 'a.b.c' is not a table name: write name or schema.name, and put a part that "
            "holds a dot or a quote in double quotes",
        ),
        (
            '[[tenancy.levels]]\ncolumn = "a"\nparent = "org"',
            "tenancy.levels[0].parent: 'org' is not the root of another level",
        ),
        (
            '[[tenancy.levels]]\nroot = "a"\ncolumn = "x"\nparent = "b"\n'
            '[[tenancy.levels]]\nroot = "b"\ncolumn = "y"\nparent = "a"',
            "tenancy.levels[0].parent: the levels form a circle at 'a'",
        ),
        (
            "[prove]\ncontext = [\"select set_config('app.tenant', '1', false)\", 'select 1::tenant']",
            "prove.context: no statement says :tenant, which stands for the tenant's key, or :person, where the person"
            " alone says who asks",
        ),
        (
            "[prove]\ncontext = ['call enter(:tenant)']\nuser = '7'",
            "prove.user: no statement of prove.context says :person or :user",
        ),
    ],
)
def test_a_mistake_is_explained_with_its_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_toml(text, "f.toml")
    assert str(caught.value) == f"f.toml: {message}"


def test_a_syntax_error_tells_line_and_column() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_toml("[tenancy]\nroot = = 1\n", "f.toml")
    assert str(caught.value) == "f.toml:2:8: Invalid value"


@pytest.mark.parametrize("text", ["x = " + "[" * 5_000 + "]" * 5_000, "x = " + "{a = " * 60 + "1" + "}" * 60])
def test_what_nests_too_deep_is_said_in_a_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_toml(text, "f.toml")
    assert str(caught.value) == "f.toml: tables or arrays that nest deeper than 50"


def test_a_syntax_error_at_the_end_tells_line_and_column() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_toml("x = 1\ny", "f.toml")
    assert str(caught.value) == "f.toml:2:2: Expected '=' after a key in a key/value pair"


def test_the_nearest_file_upwards_wins(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "validate-schema.toml").write_text('[tenancy]\nroot = "far"')
    near = tmp_path / "a" / "validate-schema.toml"
    near.write_text('[tenancy]\nroot = "near"')
    expected = LoadedConfig(
        Config(tenancy=TenancyConfig(root="near")), near, hashlib.sha256(near.read_bytes()).hexdigest()
    )
    assert load(None, deep) == expected


def test_a_pyproject_without_the_table_is_passed_over(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[tool.other]\nx = 1\n[project]\nname = "x"')
    outer = tmp_path / "pyproject.toml"
    outer.write_text('[tool.validate-schema.tenancy]\nroot = "org"')
    assert load(None, inner)[:2] == (Config(tenancy=TenancyConfig(root="org")), outer)


def test_its_own_file_comes_before_pyproject_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.validate-schema.tenancy]\nroot = "b"')
    (tmp_path / "validate-schema.toml").write_text('[tenancy]\nroot = "a"')
    assert load(None, tmp_path).config.tenancy.root == "a"


def test_a_mistake_in_pyproject_is_named_with_its_whole_key(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.validate-schema.tenancy]\nrot = 1")
    with pytest.raises(ConfigError) as caught:
        load(None, tmp_path)
    assert str(caught.value) == f'{path}: tool.validate-schema.tenancy.rot: unknown key; did you mean "root"?'


def test_without_any_file_the_config_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validate_schema.config.file.FILE_NAME", "no-such-config.toml")
    monkeypatch.setattr("validate_schema.config.file._TABLE", "no-such-table")
    assert load(None, tmp_path) == LoadedConfig(Config(), None, "")


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "x.toml", tmp_path)
    assert str(caught.value) == f"cannot read {tmp_path / 'x.toml'}: No such file or directory"


def test_a_named_pyproject_without_the_table_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("")
    with pytest.raises(ConfigError) as caught:
        load(path, tmp_path)
    assert str(caught.value) == f"{path} has no [tool.validate-schema] table"


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "validate-schema.toml"
    path.write_bytes(b"x = '\xff'")
    with pytest.raises(ConfigError) as caught:
        load(None, tmp_path)
    assert str(caught.value) == f"{path} is not UTF-8 text (byte 5)"


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "validate-schema.toml").write_bytes(b'\xef\xbb\xbf[tenancy]\nroot = "a"')
    assert load(None, tmp_path).config.tenancy.root == "a"


@pytest.mark.parametrize("written", ["2027-01-31", '"2027-01-31"', "2027-01-31T10:00:00Z"])
def test_dates_may_be_toml_dates_or_texts(written: str) -> None:
    config = parse_toml(
        f'[tenancy]\nexempt = [{{ table = "a", reason = "b", expires = {written} }}]', "f.toml"
    )
    assert config.tenancy.exempt[0].expires == date(2027, 1, 31)


def test_a_suppression_whose_date_cannot_be_read_keeps_the_text() -> None:
    config = parse_toml(
        '[[checks.suppress]]\ncheck = "UNQ001"\nobject = "a"\nreason = "b"\nexpires = "next year"\n'
        '[[checks.suppress]]\ncheck = "UNQ002"\nobject = "a*"\nreason = "c"\nowner = "me"\nexpires = 2027-01-31\n'
        '[[checks.suppress]]\ncheck = "UNQ003"\nobject = "a"\nreason = "d"',
        "f.toml",
    )
    assert suppression_uses(config) == (
        SuppressionUse("UNQ001", "a", "b", expires_text="next year"),
        SuppressionUse("UNQ002", "a*", "c", "me", date(2027, 1, 31), "2027-01-31"),
        SuppressionUse("UNQ003", "a", "d"),
    )


def test_every_table_and_role_of_the_config_is_known_with_its_key() -> None:
    config = parse_toml(DESIGNED, "f.toml")
    assert config_names(config) == (
        ConfigName("Organization", "tenancy.root"),
        ConfigName("WorkflowJob", "tenancy.inherited"),
        ConfigName("User", "tenancy.global"),
        ConfigName("IngestionJob", "tenancy.exempt", expires=date(2027, 1, 1)),
        ConfigName("Template", "tenancy.null_rows"),
        ConfigName("User", "report.groups.Core Tables"),
        ConfigName("Task", "report.groups.Core Tables"),
        ConfigName("Installation", "report.groups.GitHub Integration"),
        ConfigName("app_user", "tenancy.app_roles", "role"),
        ConfigName("app_user", "contract.tables.TestSuite.grants", "role"),
    )


def test_levels_are_read_and_their_roots_known() -> None:
    config = parse_toml(
        '[[tenancy.levels]]\nroot = "org"\ncolumn = "org_id"\n'
        '[[tenancy.levels]]\nroot = "space"\ncolumn = ["space_id", "spaceId"]\nparent = "org"',
        "f.toml",
    )
    assert config.tenancy.levels == (
        LevelConfig(root="org", column="org_id"),
        LevelConfig(root="space", column=("space_id", "spaceId"), parent="org"),
    )
    assert config_names(config) == (
        ConfigName("org", "tenancy.levels[0].root"),
        ConfigName("space", "tenancy.levels[1].root"),
    )


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs" / "validate-schema.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), (
        "python -m validate_schema.config.schema > docs/validate-schema.schema.json"
    )


def test_the_published_schema_accepts_the_design_and_refuses_unknown_keys() -> None:
    validator = Draft202012Validator(config_schema())
    Draft202012Validator.check_schema(config_schema())
    document = {
        "tenancy": {
            "root": "Organization",
            "column": ["orgId"],
            "exempt": [{"table": "a", "reason": "b", "expires": "2027-01-01"}],
        },
        "contract": {"tables": {"T": {"columns": {"c": {"type": "text", "default": False}}}}},
    }
    assert [e.message for e in validator.iter_errors(document)] == []
    assert [list(e.path) for e in validator.iter_errors({"tenancy": {"rot": "x"}})] == [["tenancy"]]
    assert '"null"' not in json.dumps(config_schema())


def test_names_are_parsed_into_schema_and_name() -> None:
    assert [parse_name(text) for text in ("Task", "auth.users", '"weird.name"', 'a."b""c"', "snow ☃")] == [
        (None, "Task"),
        ("auth", "users"),
        (None, "weird.name"),
        ("a", 'b"c'),
        (None, "snow ☃"),
    ]


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a.b.c", 'a"b', '""', '"a'])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a table name"):
        parse_name(text)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("audit_*", [QName("public", "audit_log")]),
        ("auth.*", [QName("auth", "users")]),
        ("*.*", [QName("auth", "users"), QName("public", "audit_log"), QName("public", "a*")]),
        ('"a*"', [QName("public", "a*")]),
        ("Audit_*", []),
    ],
)
def test_a_star_stands_for_anything_unless_quoted(pattern: str, meant: list[QName]) -> None:
    names = [QName("auth", "users"), QName("public", "audit_log"), QName("public", "a*")]
    assert [name for name in names if parse_pattern(pattern).matches(name, "public")] == meant


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_written_name_is_read_back(schema: str, name: str) -> None:
    qname = QName(schema, name)
    read = parse_pattern(write_name(qname, "public"))
    assert (read.exact, read.qname("public")) == (True, qname)


def test_the_examples_of_the_documentation_are_configs() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    assert len(blocks) == 10
    for block in blocks:
        parse_toml(dedent(block), "configuration.md")


def test_the_documentation_names_every_key() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = {key for definition in config_schema()["$defs"].values() for key in definition["properties"]}
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()

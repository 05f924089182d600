"""Ids, names, texts and files of the checks hold together: what is documented is what is loaded."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from validate_schema.checking.declare import Check
from validate_schema.checking.packs import builtin_checks, resource_dir

CHECKS = builtin_checks()

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)

CODES = """
TBL001 expected-table error        TBL002 unexpected-table warning     TBL003 classified error
TBL004 stale-classification warning  TBL005 primary-key warning        TBL006 logged warning
TBL007 declared-key error            TBL008 declared-view error
COL001 expected-column error       COL002 type error                   COL003 nullability error
COL004 default warning             COL005 unexpected-column info
TEN001 present error               TEN002 not-null error               TEN003 type error
TEN004 root-fk error               TEN005 root-fk-action warning       TEN006 default error
TEN007 root-fk-validated error     TEN008 look-alike warning           TEN009 inherited-path error
TEN010 ambiguous-owner warning
UNQ001 tenant-scoped error         UNQ002 tenant-first warning         UNQ003 nulls-distinct warning
UNQ004 expected-unique error       UNQ005 natural-primary-key warning
UNQ006 unexpected-unique warning   IDX007 unexpected-index info
FKY009 unexpected-fk warning       ENU004 unexpected-enum info
IDX001 tenant-led warning          IDX002 fk-indexed warning           IDX003 valid error
IDX004 duplicate warning           IDX005 redundant info               IDX006 expected-index error
FKY001 same-tenant error           FKY002 expected-fk error            FKY003 validated error
FKY004 types-match warning         FKY005 set-null-spares-tenant error FKY006 match-simple-escape warning
FKY007 global-to-tenant error      FKY008 offboarding info
ENU001 expected-enum error         ENU002 labels error                 ENU003 unused-enum info
RLS001 enabled error               RLS002 forced error                 RLS003 has-policy error
RLS004 policy-enabled error        RLS005 reads-bound error            RLS006 writes-bound error
RLS007 fail-open error             RLS008 null-tenant error            RLS009 context-name warning
RLS010 missing-ok warning          RLS011 initplan info                RLS014 unverified warning
RLS012 applies-to-app error         RLS013 partition-child error
RLS015 expected-policy error
BYP001 app-role-privileged error   BYP002 app-role-owner error         BYP003 view error
BYP004 materialized-view error     BYP005 security-definer error       BYP006 search-path warning
BYP007 truncate warning
BYP008 public-grant error          BYP009 connected-role warning       BYP010 schema-create warning
BYP011 default-privileges warning  BYP012 expected-grant warning     BYP013 server-powers error
BYP014 container-owner error       BYP015 function-owner error       BYP016 session-default error
BYP017 server-grants error         BYP018 open-definer error         BYP019 exposed error
RLS021 superfluous-policy info      FKY011 duplicate-key info          FKY012 exempt-reference info
DAT007 key-overflow warning        BYP021 large-objects warning       BYP022 plants-code error
EFF008 hands-on warning             BYP023 signs-claims warning
BYP024 tenant-role warning
IDX008 person-indexed warning       IDX009 cast-column warning
BYP020 callers-tables warning       DAT006 empty-key error
RLS020 reads-itself error          TBL009 unvalidated-check info      FKY010 unkeyed-column info
DAT001 null-tenant-rows error      DAT002 orphan-tenant-rows error     DAT003 placeholder-tenant error
DAT004 cross-tenant-rows error     DAT005 hidden-duplicates warning
ISO001 read error                  ISO002 insert error                ISO003 update error
ISO004 delete error                ISO005 re-home error               ISO006 no-context error
ISO007 own-rows error              ISO008 cross-reference error       ISO009 surface error
ISO010 own-work error
MIG001 duplicate-version error     MIG002 pending error               MIG003 missing-file error
MIG004 checksum error              MIG005 renamed error               MIG006 failed error
MIG007 out-of-order warning        MIG008 stray-file warning          MIG009 repeated-ddl error
MIG010 replay error                MIG011 drift error                 MIG012 upgrade-path error
MIG013 dry-run error               MIG014 several-heads warning      MIG015 stepping-back warning
MIG016 hidden-rows error
EFF001 trigger error                 EFF002 rule warning                EFF003 spreads error
EFF004 written error                 EFF005 barrier error               EFF006 leakproof warning
EFF007 immutable-helper error        RLS016 root-open error             TEN011 unjudged warning
TEN012 key-unique error
RLS017 joinable error             RLS018 anywhere error             RLS019 one-tenant warning
OBJ001 expected-check error          OBJ002 expected-trigger error       OBJ003 expected-rule error
OBJ004 expected-function error       OBJ005 expected-sequence error      OBJ006 expected-extension error
OBJ007 expected-owner warning        OBJ008 unexpected-object warning
HAZ001 rewrite warning               HAZ002 index-build warning          HAZ003 validation warning
HAZ004 kept-lock warning             HAZ005 lock-timeout warning         HAZ006 data-loss warning
HAZ007 rows-in-the-way error         HAZ008 backward warning             HAZ009 index-drop warning
FLT001 reaches-another error         FLT002 shared-reaches-member warning FLT003 role-of-several error
FLT004 open-to-everybody error       FLT005 follows-the-caller warning FLT006 unkept-shared-table warning
FLT007 extension-in-member warning   FLT008 opens-later warning        FLT009 publishes-several warning
FLT010 anybody-connects warning      FLT011 connects-to-several warning FLT012 leads-to-member error
FLT013 not-alike warning
FLT014 reached-another error
UNQ007 exclusion error               UNQ008 detail-unique warning
SUP001 expired error               SUP002 unused warning            SUP003 outlived error
"""
PUBLISHED = {
    id: (name, severity)
    for id, name, severity in re.findall(r"([A-Z]{3}\d{3}) ([a-z-]+) (error|warning|info)", CODES)
}


def test_every_published_check_is_there_under_its_name_and_severity() -> None:
    declared = {c.id: (c.name, c.severity.value) for c in CHECKS}

    assert declared == PUBLISHED


def test_no_two_checks_share_a_name_within_a_family() -> None:
    names = Counter((c.family.id, c.name) for c in CHECKS)

    assert [name for name, count in names.items() if count > 1] == []


def test_no_room_knows_a_check_by_its_id() -> None:
    ids = {c.id for c in CHECKS} | {c.family.id for c in CHECKS}
    said = [
        (path.name, node.value)
        for path in (Path(__file__).parents[2] / "validator").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ids
    ]

    assert said == [("matrix.py", "RLS")]  # the heading of a column


def test_every_family_is_declared() -> None:
    assert {c.id for c in CHECKS if c.family.title == c.family.id} == set()


def test_a_module_holds_one_family() -> None:
    modules: dict[str, set[str]] = defaultdict(set)
    for check in CHECKS:
        modules[check.judge.__module__].add(check.family.id)

    assert {module: families for module, families in modules.items() if len(families) != 1} == {}


@every_check
def test_the_title_is_short_and_no_sentence(check: Check) -> None:
    assert 0 < len(check.title) <= 60
    assert not check.title.endswith(".")


@every_check
def test_the_harm_is_one_sentence(check: Check) -> None:
    assert re.fullmatch(r"[A-Z‘'\"][^\n]*[^.\s]\.", check.why)
    assert not re.search(r"\. [A-Z]", check.why)


@every_check
def test_the_manual_page_opens_with_a_sentence(check: Check) -> None:
    first, *rest = check.doc.split("\n")

    assert re.fullmatch(r"[A-Z].*\.", first)
    assert rest[:1] in ([], [""])


@every_check
def test_the_page_says_what_is_examined_and_when_it_fails(check: Check) -> None:
    assert len(check.doc.split("\n\n")) >= 2


@every_check
def test_no_text_of_the_stub_is_left(check: Check) -> None:
    assert "TODO" not in "".join((check.title, check.doc, check.why, check.bad, check.good, check.config))


@every_check
def test_the_examples_are_there_and_differ(check: Check) -> None:
    assert check.bad.strip()
    assert check.good.strip()
    assert (check.bad, check.config) != (check.good, check.good_config or check.config)


def test_no_check_is_left_unloaded() -> None:
    decorated = sum(
        len(
            re.findall(
                r"^(?:@(?:check|declared|undeclared)|\w+ = proof_check)\(",
                path.read_text(encoding="utf-8"),
                re.MULTILINE,
            )
        )
        for path in Path(resource_dir("checks")).glob("[!_]*.py")
    )

    assert decorated == len(CHECKS)

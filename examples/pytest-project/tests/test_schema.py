"""What must be there after the migrations."""


def test_notes_are_as_the_code_expects(assert_schema):
    assert_schema(
        tables={
            "workspace": {},
            "note": {
                "columns": {"archived_at": {"type": "timestamptz", "nullable": True}},
                "unique": [["workspace_id", "title"]],
            },
        }
    )


def test_no_note_belongs_to_two_workspaces(assert_schema):
    assert_schema(select=["UNQ", "TEN"])

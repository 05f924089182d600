"""What differs between two catalogs, object by object."""

from typing import Literal

import msgspec

from .finding import ObjectRef

ChangeKind = Literal["added", "removed", "changed", "renamed"]


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One difference from the catalog `before` to the catalog `after`.

    `object` is the object's name in the catalog that has it (the new name of a renamed one). `what`
    names the property that changed (type, nullable, default, definition, roles, …), and `before` and
    `after` are its values as people read them; of an added or removed object they describe the whole.
    `widens`: more rows or more roles get in than before.
    """

    kind: ChangeKind
    object: ObjectRef
    what: str = ""
    before: str = ""
    after: str = ""
    widens: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison: `kind` is database, snapshot, migrations or contract, `name` what people
    call it, without a password; `server` is empty where no server was asked."""

    kind: str
    name: str
    server: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the schema `before` to the schema `after`.

    `objects` counts those that were looked at; `unseen` the changes that nobody wanted to see; `notes`
    say what could not be compared. `default_schema` is the one that names are shown without.
    """

    before: Compared
    after: Compared
    changes: tuple[Change, ...]
    objects: int
    unseen: int = 0
    notes: tuple[str, ...] = ()
    default_schema: str = "public"

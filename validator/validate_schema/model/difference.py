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

"""The families of the built-in checks."""

from validate_schema.pack import Family

TBL = Family("TBL", "Tables", manual=1, cards=8, fix=1)
COL = Family("COL", "Columns of the contract", "columns", manual=2, cards=9, fix=3)
TEN = Family("TEN", "The tenant column", "tenant column", manual=3, cards=5, fix=4, security=True)
UNQ = Family("UNQ", "Uniqueness", manual=4, cards=7, fix=5, security=True)
IDX = Family("IDX", "Indexes", manual=5, cards=11, fix=11, section="indexes", concern="hygiene")
FKY = Family("FKY", "Foreign keys", manual=6, cards=6, fix=6, section="keys", security=True)
ENU = Family("ENU", "Enums", "enum types", manual=7, cards=10, fix=2, concern="hygiene")
RLS = Family("RLS", "Row-level security", manual=8, cards=2, fix=8, security=True, concern="out")
BYP = Family("BYP", "Ways around row-level security", manual=9, cards=3, fix=9, security=True, concern="out")
EFF = Family("EFF", "Effects beside a statement", manual=14, cards=3, fix=12, security=True, concern="out")
DAT = Family("DAT", "Data", manual=10, cards=4, fix=7, section="rows", security=True)
ISO = Family("ISO", "Isolation proof", manual=11, cards=1, fix=10, security=True, concern="out")
MIG = Family("MIG", "Migrations", manual=12, cards=12)
HAZ = Family("HAZ", "Pending migrations on live tables", manual=16, cards=12)
FLT = Family("FLT", "Members of a fleet", "fleets", manual=17, cards=2, fix=14, security=True)
OBJ = Family("OBJ", "Other objects of the contract", "declared objects", manual=15, cards=9, fix=13)
SUP = Family("SUP", "Suppressions", manual=13, cards=13, concern="hygiene")

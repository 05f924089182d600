"""What differs between two catalogs, object by object.

Semantic: another name is no other object, another spelling no other expression, another order of
columns no difference. Pure: no connection, no file, no clock.
"""

-- Roles, groups and organizations of each issuer, as one record.

CREATE TABLE directories (
    issuer   INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision > 0),
    record   BLOB    NOT NULL
) STRICT;

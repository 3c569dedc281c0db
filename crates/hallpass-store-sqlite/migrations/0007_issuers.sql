-- Issuers that are made at run time. `issuers` keeps every number that was ever given, so that none comes back.
-- `place` is the identifier without its scheme. `change` is the place of the latest change among those of all issuers.

CREATE TABLE issuer_records (
    issuer   INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    place    TEXT    NOT NULL UNIQUE,
    deleting INTEGER NOT NULL CHECK (deleting IN (0, 1)),
    revision INTEGER NOT NULL,
    change   INTEGER NOT NULL UNIQUE,
    record   BLOB    NOT NULL
) STRICT;

CREATE TABLE issuer_changes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
) STRICT;

INSERT INTO issuer_changes (id, n) VALUES (1, 0);

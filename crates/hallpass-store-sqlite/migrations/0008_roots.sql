-- The root of each issuer's secrets, wrapped under the master key. An issuer from before has none until a program that
-- knows roots opens it: its root is the master key of that time.

CREATE TABLE roots (
    issuer   INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision BETWEEN 0 AND 4294967295),
    record   BLOB    NOT NULL
) STRICT;

-- What people can prove who they are with, beside the password. `lookup` is a digest under which one is found without
-- knowing whose it is.

CREATE TABLE credentials (
    issuer   INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 16),
    lookup   BLOB    CHECK (length(lookup) = 32),
    revision INTEGER NOT NULL,
    record   BLOB    NOT NULL,
    PRIMARY KEY (issuer, subject, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX credentials_by_lookup ON credentials (issuer, lookup) WHERE lookup IS NOT NULL;

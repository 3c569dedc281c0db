-- What waits for its second half under a handle: a pushed request, a device or backchannel authorization.
CREATE TABLE waiting (
    issuer   INTEGER NOT NULL,
    bucket   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 32),
    revision INTEGER NOT NULL DEFAULT 0 CHECK (revision BETWEEN 0 AND 4294967295),
    record   BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

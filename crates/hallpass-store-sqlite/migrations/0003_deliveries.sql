-- Requests to clients that wait to be sent. What changes with every attempt is a column of its own.

CREATE TABLE deliveries (
    issuer   INTEGER NOT NULL,
    bucket   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 32),
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
    next_at  INTEGER NOT NULL,
    record   BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (issuer, next_at);

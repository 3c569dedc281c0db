-- Numbers of days, and who was there in a month. Both are kept for some two years: the bucket says until when.

CREATE TABLE tallies (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE active_people (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL CHECK (length(id) = 16),
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

-- Clients that are told when a session ends. `id` is that of the session, then 16 bytes that stand for the client, so
-- that those of one session lie together.

CREATE TABLE participants (
    issuer  INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 48),
    subject TEXT    NOT NULL,
    record  BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX participants_by_subject ON participants (issuer, subject);

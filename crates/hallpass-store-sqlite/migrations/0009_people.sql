-- What people see of themselves: their sessions, and what happened with their accounts. `subject` is written when a
-- session begins; `seen` moves at most once an hour.

ALTER TABLE sessions ADD COLUMN subject TEXT;
ALTER TABLE sessions ADD COLUMN seen INTEGER;

CREATE INDEX sessions_by_subject ON sessions (issuer, subject) WHERE subject IS NOT NULL;

CREATE TABLE activity (
    issuer  INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    subject TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    record  BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX activity_by_subject ON activity (issuer, subject, at);

-- What people see of themselves: their sessions, and what happened with their accounts. `seen` moves at most once an hour.

ALTER TABLE sessions ADD COLUMN IF NOT EXISTS seen bigint;

CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (issuer, subject);

CREATE TABLE IF NOT EXISTS activity (
    issuer  bigint NOT NULL,
    bucket  bigint NOT NULL,
    id      bytea  NOT NULL,
    subject bytea  NOT NULL,
    at      bigint NOT NULL,
    record  bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE INDEX IF NOT EXISTS activity_by_subject ON activity (issuer, subject, at);

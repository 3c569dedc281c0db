-- Every key begins with the issuer. Where records expire the bucket is next, so that new rows lie together and
-- expired ones are a range. `id` is a digest or an identity of random bytes. What changes often is a column of its
-- own; the rest is in `record`, which only the program reads.

CREATE TABLE issuers (
    id         INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE clients (
    issuer     INTEGER NOT NULL,
    client     TEXT    NOT NULL,
    registered INTEGER NOT NULL CHECK (registered IN (0, 1)),
    record     BLOB    NOT NULL,
    PRIMARY KEY (issuer, client)
) STRICT, WITHOUT ROWID;

-- How many clients registered themselves, kept by triggers, since every registration asks for it.
CREATE TABLE registered_clients (
    issuer INTEGER PRIMARY KEY,
    n      INTEGER NOT NULL CHECK (n >= 0)
) STRICT;

CREATE TRIGGER clients_inserted AFTER INSERT ON clients WHEN new.registered
BEGIN
    INSERT INTO registered_clients (issuer, n) VALUES (new.issuer, 1)
        ON CONFLICT (issuer) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER clients_deleted AFTER DELETE ON clients WHEN old.registered
BEGIN
    UPDATE registered_clients SET n = n - 1 WHERE issuer = old.issuer;
END;

CREATE TRIGGER clients_updated AFTER UPDATE OF registered ON clients WHEN new.registered <> old.registered
BEGIN
    INSERT INTO registered_clients (issuer, n) VALUES (new.issuer, new.registered)
        ON CONFLICT (issuer) DO UPDATE SET n = n + new.registered - old.registered;
END;

CREATE TABLE codes (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL CHECK (length(id) = 32),
    spent  INTEGER NOT NULL DEFAULT 0 CHECK (spent IN (0, 1)),
    record BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    issuer          INTEGER NOT NULL,
    bucket          INTEGER NOT NULL,
    id              BLOB    NOT NULL CHECK (length(id) = 12),
    revoked_at      INTEGER,
    -- The refresh family, where there is one.
    generation      INTEGER CHECK (generation BETWEEN 0 AND 4294967295),
    rotated_at      INTEGER,
    idle_expires_at INTEGER,
    -- The session that the grant was made in, for joining.
    session_bucket  INTEGER,
    session_id      BLOB,
    record          BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id),
    CHECK ((generation IS NULL) = (rotated_at IS NULL) AND (generation IS NULL) = (idle_expires_at IS NULL)),
    CHECK ((session_bucket IS NULL) = (session_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL CHECK (length(id) = 32),
    record BLOB    NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE denied_tokens (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL CHECK (length(id) = 16),
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE once_keys (
    issuer INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    id     BLOB    NOT NULL CHECK (length(id) = 32),
    PRIMARY KEY (issuer, bucket, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE consents (
    issuer  INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    record  BLOB    NOT NULL,
    PRIMARY KEY (issuer, subject, client)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    issuer       INTEGER NOT NULL,
    subject      TEXT    NOT NULL,
    username_key TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    record       BLOB    NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, username_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    issuer INTEGER NOT NULL,
    kid    TEXT    NOT NULL,
    record BLOB    NOT NULL,
    PRIMARY KEY (issuer, kid)
) STRICT, WITHOUT ROWID;

-- One row that is rewritten to find out whether the database can be written.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
) STRICT;

INSERT INTO probe (id, n) VALUES (1, 0);

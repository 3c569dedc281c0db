-- Every key begins with the issuer. Where records expire the bucket is next, so that new rows lie together and expired
-- ones are a range. `id` is a digest or an identity of random bytes. What changes often, and what rows are joined by, is
-- a column of its own; the rest is in `record`, which only the program reads. Text is bytes (UTF-8), so that it is
-- compared and ordered byte for byte, whatever the database's collation, and may hold any character.
-- Numbers of 32 bits without a sign are bigint. Nothing here needs a sequence, a trigger or a lock that is not a row.

CREATE TABLE IF NOT EXISTS issuers (
    id         bigint NOT NULL PRIMARY KEY,
    identifier bytea  NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS clients (
    issuer     bigint  NOT NULL,
    client     bytea   NOT NULL,
    registered boolean NOT NULL,
    record     bytea   NOT NULL,
    PRIMARY KEY (issuer, client)
);

CREATE INDEX IF NOT EXISTS clients_registered ON clients (issuer) WHERE registered;

CREATE TABLE IF NOT EXISTS codes (
    issuer         bigint  NOT NULL,
    bucket         bigint  NOT NULL,
    id             bytea   NOT NULL,
    spent          boolean NOT NULL DEFAULT false,
    -- Whose account and session decide about it, for joining.
    subject        bytea   NOT NULL,
    session_bucket bigint,
    session_id     bytea,
    record         bytea   NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE TABLE IF NOT EXISTS grants (
    issuer          bigint NOT NULL,
    bucket          bigint NOT NULL,
    id              bytea  NOT NULL,
    revoked_at      bigint,
    -- The refresh family, where there is one.
    generation      bigint,
    rotated_at      bigint,
    idle_expires_at bigint,
    -- Whose account and session decide about it, for joining.
    subject         bytea  NOT NULL,
    session_bucket  bigint,
    session_id      bytea,
    record          bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE TABLE IF NOT EXISTS sessions (
    issuer  bigint NOT NULL,
    bucket  bigint NOT NULL,
    id      bytea  NOT NULL,
    subject bytea  NOT NULL,
    record  bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE TABLE IF NOT EXISTS denied_tokens (
    issuer bigint NOT NULL,
    bucket bigint NOT NULL,
    id     bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE TABLE IF NOT EXISTS once_keys (
    issuer bigint NOT NULL,
    bucket bigint NOT NULL,
    id     bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

-- What waits for its second half under a handle: a pushed request, a device or backchannel authorization.
CREATE TABLE IF NOT EXISTS waiting (
    issuer   bigint NOT NULL,
    bucket   bigint NOT NULL,
    id       bytea  NOT NULL,
    revision bigint NOT NULL DEFAULT 0,
    record   bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

-- Requests to clients that wait to be sent.
CREATE TABLE IF NOT EXISTS deliveries (
    issuer   bigint NOT NULL,
    bucket   bigint NOT NULL,
    id       bytea  NOT NULL,
    attempts bigint NOT NULL,
    next_at  bigint NOT NULL,
    record   bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (issuer, next_at);

-- Clients that are told when a session ends. `id` is that of the session, then 16 bytes that stand for the client.
CREATE TABLE IF NOT EXISTS participants (
    issuer  bigint NOT NULL,
    bucket  bigint NOT NULL,
    id      bytea  NOT NULL,
    subject bytea  NOT NULL,
    record  bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE INDEX IF NOT EXISTS participants_by_subject ON participants (issuer, subject);

CREATE TABLE IF NOT EXISTS consents (
    issuer  bigint NOT NULL,
    subject bytea  NOT NULL,
    client  bytea  NOT NULL,
    record  bytea  NOT NULL,
    PRIMARY KEY (issuer, subject, client)
);

CREATE TABLE IF NOT EXISTS users (
    issuer       bigint NOT NULL,
    subject      bytea  NOT NULL,
    username_key bytea  NOT NULL,
    revision     bigint NOT NULL,
    record       bytea  NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE UNIQUE INDEX IF NOT EXISTS users_by_name ON users (issuer, username_key);

CREATE TABLE IF NOT EXISTS signing_keys (
    issuer bigint NOT NULL,
    kid    bytea  NOT NULL,
    record bytea  NOT NULL,
    PRIMARY KEY (issuer, kid)
);

-- What stands beside clients that registered themselves: the day (since 1970) of their last use, what they are counted
-- under, and a digest of their metadata where everybody who registers the same gets the same client.
CREATE TABLE IF NOT EXISTS registrations (
    issuer   bigint NOT NULL,
    client   bytea  NOT NULL,
    used     bigint NOT NULL,
    software bytea,
    fold     bytea,
    PRIMARY KEY (issuer, client)
);

CREATE INDEX IF NOT EXISTS registrations_by_day ON registrations (issuer, used);
CREATE INDEX IF NOT EXISTS registrations_by_software ON registrations (issuer, software) WHERE software IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS registrations_by_fold ON registrations (issuer, fold) WHERE fold IS NOT NULL;

-- Tokens that let somebody register clients, by their keyed digest.
CREATE TABLE IF NOT EXISTS initial_access (
    issuer   bigint NOT NULL,
    id       bytea  NOT NULL,
    uses     bigint NOT NULL,
    max_uses bigint,
    record   bytea  NOT NULL,
    PRIMARY KEY (issuer, id)
);

-- What people can prove who they are with, beside the password. `lookup` is a digest under which one is found without
-- knowing whose it is.
CREATE TABLE IF NOT EXISTS credentials (
    issuer   bigint NOT NULL,
    subject  bytea  NOT NULL,
    id       bytea  NOT NULL,
    lookup   bytea,
    revision bigint NOT NULL,
    record   bytea  NOT NULL,
    PRIMARY KEY (issuer, subject, id)
);

CREATE UNIQUE INDEX IF NOT EXISTS credentials_by_lookup ON credentials (issuer, lookup) WHERE lookup IS NOT NULL;

-- Issuers that are made at run time. `issuers` keeps every number that was ever given, so that none comes back.
-- `place` is the identifier without its scheme. `change` is the place of the latest change among those of all issuers.
CREATE TABLE IF NOT EXISTS issuer_records (
    issuer   bigint  NOT NULL PRIMARY KEY,
    name     bytea   NOT NULL UNIQUE,
    place    bytea   NOT NULL UNIQUE,
    deleting boolean NOT NULL,
    revision bigint  NOT NULL,
    change   bigint  NOT NULL UNIQUE,
    record   bytea   NOT NULL
);

-- One row, whose lock puts changes in the order in which they become visible.
CREATE TABLE IF NOT EXISTS issuer_changes (
    id bigint NOT NULL PRIMARY KEY,
    n  bigint NOT NULL
);

INSERT INTO issuer_changes (id, n) VALUES (1, 0) ON CONFLICT DO NOTHING;

-- The root of each issuer's secrets, wrapped under the master key.
CREATE TABLE IF NOT EXISTS roots (
    issuer   bigint NOT NULL PRIMARY KEY,
    revision bigint NOT NULL,
    record   bytea  NOT NULL
);

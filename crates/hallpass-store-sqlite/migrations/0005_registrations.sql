-- What stands beside clients that registered themselves: the day (since 1970) of their last use, what they are counted
-- under, and a digest of their metadata where everybody who registers the same gets the same client.

CREATE TABLE registrations (
    issuer   INTEGER NOT NULL,
    client   TEXT    NOT NULL,
    used     INTEGER NOT NULL,
    software BLOB    CHECK (length(software) = 32),
    fold     BLOB    CHECK (length(fold) = 32),
    PRIMARY KEY (issuer, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX registrations_by_day ON registrations (issuer, used);
CREATE INDEX registrations_by_software ON registrations (issuer, software) WHERE software IS NOT NULL;
CREATE UNIQUE INDEX registrations_by_fold ON registrations (issuer, fold) WHERE fold IS NOT NULL;

CREATE TRIGGER registrations_deleted AFTER DELETE ON clients WHEN old.registered
BEGIN
    DELETE FROM registrations WHERE issuer = old.issuer AND client = old.client;
END;

-- Those that were there before begin their time now.
INSERT INTO registrations (issuer, client, used)
    SELECT issuer, client, CAST(strftime('%s', 'now') AS INTEGER) / 86400 FROM clients WHERE registered;

-- Tokens that let somebody register clients, by their keyed digest.
CREATE TABLE initial_access (
    issuer   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 32),
    uses     INTEGER NOT NULL CHECK (uses >= 0),
    max_uses INTEGER,
    record   BLOB    NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT, WITHOUT ROWID;

-- What operators keep beside the protocol (who may administer, webhooks), and who changed what.

CREATE TABLE admin_records (
    issuer   INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    record   BLOB    NOT NULL,
    PRIMARY KEY (issuer, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_lines (
    issuer INTEGER NOT NULL,
    seq    INTEGER NOT NULL CHECK (seq > 0),
    record BLOB    NOT NULL,
    PRIMARY KEY (issuer, seq)
) STRICT, WITHOUT ROWID;

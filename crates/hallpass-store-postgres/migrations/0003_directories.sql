-- Roles, groups and organizations of each issuer, as one record.

CREATE TABLE IF NOT EXISTS directories (
    issuer   bigint NOT NULL PRIMARY KEY,
    revision bigint NOT NULL,
    record   bytea  NOT NULL
);

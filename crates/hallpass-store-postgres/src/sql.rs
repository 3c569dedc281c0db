//! Questions, and what purging asks. What commits say is in `statement`.

pub(crate) const CLIENT: &str =
    "SELECT client, record FROM clients WHERE issuer = $1 AND client = $2";
pub(crate) const CLIENTS: &str =
    "SELECT client, record FROM clients WHERE issuer = $1 AND client > $2 ORDER BY client LIMIT $3";
pub(crate) const CLIENTS_FIRST: &str =
    "SELECT client, record FROM clients WHERE issuer = $1 ORDER BY client LIMIT $2";
pub(crate) const COUNT_REGISTERED: &str =
    "SELECT count(*) FROM clients WHERE issuer = $1 AND registered";
pub(crate) const COUNT_OF_SOFTWARE: &str =
    "SELECT count(*) FROM registrations WHERE issuer = $1 AND software = $2";
pub(crate) const FOLDED_CLIENT: &str =
    "SELECT client FROM registrations WHERE issuer = $1 AND fold = $2";
pub(crate) const IDLE_CLIENTS: &str =
    "SELECT client FROM registrations WHERE issuer = $1 AND used < $2 ORDER BY used LIMIT $3";
pub(crate) const INITIAL_ACCESS: &str =
    "SELECT id, record, uses FROM initial_access WHERE issuer = $1 AND id = $2";
pub(crate) const INITIAL_ACCESSES: &str = "SELECT id, record, uses FROM initial_access WHERE issuer = $1 AND id > $2 ORDER BY id LIMIT $3";
pub(crate) const CODE: &str =
    "SELECT spent, record FROM codes WHERE issuer = $1 AND bucket = $2 AND id = $3";
pub(crate) const WAITING: &str =
    "SELECT revision, record FROM waiting WHERE issuer = $1 AND bucket = $2 AND id = $3";
pub(crate) const GRANT: &str = "SELECT revoked_at, generation, rotated_at, idle_expires_at, record
    FROM grants WHERE issuer = $1 AND bucket = $2 AND id = $3";
/// One row, whether the grant is there or not.
pub(crate) const STANDING: &str =
    "SELECT g.revoked_at, g.generation, g.rotated_at, g.idle_expires_at, g.record,
        g.session_id IS NULL OR s.issuer IS NOT NULL,
        EXISTS (SELECT 1 FROM denied_tokens d WHERE d.issuer = $1 AND d.bucket = $4 AND d.id = $5)
    FROM (VALUES (1)) one (n)
    LEFT JOIN grants g ON g.issuer = $1 AND g.bucket = $2 AND g.id = $3
    LEFT JOIN sessions s ON s.issuer = $1 AND s.bucket = g.session_bucket AND s.id = g.session_id";
pub(crate) const STANDING_WITH_USER: &str =
    "SELECT g.revoked_at, g.generation, g.rotated_at, g.idle_expires_at, g.record,
        g.session_id IS NULL OR s.issuer IS NOT NULL,
        EXISTS (SELECT 1 FROM denied_tokens d WHERE d.issuer = $1 AND d.bucket = $4 AND d.id = $5),
        u.subject, u.record
    FROM (VALUES (1)) one (n)
    LEFT JOIN grants g ON g.issuer = $1 AND g.bucket = $2 AND g.id = $3
    LEFT JOIN sessions s ON s.issuer = $1 AND s.bucket = g.session_bucket AND s.id = g.session_id
    LEFT JOIN users u ON u.issuer = $1 AND u.subject = g.subject";
pub(crate) const CODE_WITH_USER: &str =
    "SELECT c.spent, c.record, c.session_id IS NULL OR s.issuer IS NOT NULL, u.subject, u.record
    FROM codes c
    LEFT JOIN sessions s ON s.issuer = $1 AND s.bucket = c.session_bucket AND s.id = c.session_id
    LEFT JOIN users u ON u.issuer = $1 AND u.subject = c.subject
    WHERE c.issuer = $1 AND c.bucket = $2 AND c.id = $3";
pub(crate) const SESSION_WITH_USER: &str = "SELECT s.record, s.seen, u.subject, u.record, c.record
    FROM sessions s
    LEFT JOIN users u ON u.issuer = $1 AND u.subject = s.subject
    LEFT JOIN consents c ON c.issuer = $1 AND c.subject = s.subject AND c.client = $4
    WHERE s.issuer = $1 AND s.bucket = $2 AND s.id = $3";
pub(crate) const SESSION: &str =
    "SELECT record, seen FROM sessions WHERE issuer = $1 AND bucket = $2 AND id = $3";
pub(crate) const ACCOUNT_SESSIONS: &str =
    "SELECT bucket, id, record, seen FROM sessions WHERE issuer = $1 AND subject = $2 LIMIT $3";
pub(crate) const CONSENTS_OF: &str =
    "SELECT client, record FROM consents WHERE issuer = $1 AND subject = $2 LIMIT $3";
pub(crate) const ACTIVITY_OF: &str = "SELECT bucket, id, record FROM activity
    WHERE issuer = $1 AND subject = $2 ORDER BY at DESC LIMIT $3";
pub(crate) const ACTIVITY_BEFORE: &str = "SELECT bucket, id, record FROM activity
    WHERE issuer = $1 AND (bucket, id) < ($2, $3) ORDER BY bucket DESC, id DESC LIMIT $4";
pub(crate) const CONSENT: &str =
    "SELECT record FROM consents WHERE issuer = $1 AND subject = $2 AND client = $3";
pub(crate) const USER: &str =
    "SELECT subject, record FROM users WHERE issuer = $1 AND subject = $2";
pub(crate) const USER_BY_NAME: &str =
    "SELECT subject, record FROM users WHERE issuer = $1 AND username_key = $2";
pub(crate) const USERS: &str = "SELECT subject, record FROM users
    WHERE issuer = $1 AND username_key > $2 ORDER BY username_key LIMIT $3";
pub(crate) const USERS_FIRST: &str =
    "SELECT subject, record FROM users WHERE issuer = $1 ORDER BY username_key LIMIT $2";
pub(crate) const CREDENTIALS: &str =
    "SELECT id, record FROM credentials WHERE issuer = $1 AND subject = $2 LIMIT $3";
pub(crate) const CREDENTIAL_BY_LOOKUP: &str =
    "SELECT id, record, subject FROM credentials WHERE issuer = $1 AND lookup = $2";
pub(crate) const SIGNING_KEYS: &str = "SELECT kid, record FROM signing_keys WHERE issuer = $1";
pub(crate) const KEYS_CHANGED: &str =
    "SELECT issuer FROM signing_keys WHERE changed >= $1 AND +issuer > $2
    UNION SELECT issuer FROM roots WHERE changed >= $1 AND +issuer > $2 ORDER BY issuer LIMIT $3";
pub(crate) const PARTICIPANTS: &str = "SELECT id, record FROM participants
    WHERE issuer = $1 AND bucket = $2 AND id >= $3 AND id <= $4 LIMIT $5";
/// One participation of each client: one look for each, however many it has. Behind the session comes what stands for the
/// client, in eight bytes, then what stands for its grant.
pub(crate) const PARTICIPATING: &str = "WITH RECURSIVE found (id, record, n) AS (
    (SELECT id, record, 1::bigint FROM participants
        WHERE issuer = $1 AND bucket = $2 AND id >= $3 AND id <= $4 ORDER BY id LIMIT 1)
    UNION ALL
    SELECT next.id, next.record, found.n + 1 FROM found CROSS JOIN LATERAL (
        SELECT t.id, t.record FROM participants t
        WHERE t.issuer = $1 AND t.bucket = $2 AND t.id <= $4
            AND t.id > substring(found.id FROM 1 FOR 40) || '\\xffffffffffffffff'::bytea
        ORDER BY t.id LIMIT 1) next
    WHERE found.n < $5)
    SELECT id, record FROM found ORDER BY n";
pub(crate) const SESSIONS_OF: &str = "SELECT DISTINCT bucket, substring(id FROM 1 FOR 32)
    FROM participants WHERE issuer = $1 AND subject = $2 LIMIT $3";
pub(crate) const DUE_DELIVERIES: &str =
    "SELECT bucket, id, attempts, next_at, record FROM deliveries
    WHERE issuer = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3";
pub(crate) const DIRECTORY: &str = "SELECT record FROM directories WHERE issuer = $1";
pub(crate) const TALLIES: &str = "SELECT bucket, id, amount FROM tallies
    WHERE issuer = $1 AND bucket >= $2 AND bucket <= $3 ORDER BY bucket, id LIMIT 100000";
pub(crate) const COUNT_ACTIVE: &str =
    "SELECT count(*) FROM active_people WHERE issuer = $1 AND bucket = $2";
pub(crate) const COUNT_SESSIONS: &str = "SELECT count(*) FROM
    (SELECT 1 FROM sessions WHERE issuer = $1 AND bucket >= $2 LIMIT $3) AS counted";
pub(crate) const ADMIN_RECORD: &str =
    "SELECT record FROM admin_records WHERE issuer = $1 AND kind = $2 AND id = $3";
pub(crate) const ADMIN_RECORDS: &str = "SELECT id, record FROM admin_records
    WHERE issuer = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";
pub(crate) const AUDIT_AFTER: &str =
    "SELECT seq, record FROM audit_lines WHERE issuer = $1 AND seq > $2 ORDER BY seq LIMIT $3";
pub(crate) const AUDIT_BEFORE: &str = "SELECT seq, record FROM audit_lines
    WHERE issuer = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
pub(crate) const ROOT: &str = "SELECT record FROM roots WHERE issuer = $1";
pub(crate) const ISSUER_NUMBERS: &str =
    "SELECT id, identifier FROM issuers WHERE id > $1 ORDER BY id LIMIT $2";
pub(crate) const FORGET_INITIAL_ACCESS: &str = "DELETE FROM initial_access
    WHERE issuer = $1 AND id IN (SELECT id FROM initial_access WHERE issuer = $1 LIMIT $2)";
pub(crate) const ISSUER: &str = "SELECT id FROM issuers WHERE identifier = $1";
pub(crate) const CLOCK: &str = "SELECT extract(epoch FROM clock_timestamp())::int8";
pub(crate) const ALIVE: &str = "SELECT current_setting('transaction_read_only')";

/// Two that take the same number or name at once: one of them inserts nothing and looks again.
pub(crate) const NEW_ISSUER: &str = "INSERT INTO issuers (id, identifier)
    SELECT coalesce(max(id), 0) + 1, $1::bytea FROM issuers ON CONFLICT DO NOTHING";
pub(crate) const LOCK_CLIENT: &str =
    "SELECT client, record FROM clients WHERE issuer = $1 AND client = $2 FOR UPDATE";
/// Whoever asserts what keys there are holds this, so that two do not add different ones to the same.
pub(crate) const LOCK_ISSUER: &str = "SELECT id FROM issuers WHERE id = $1 FOR UPDATE";

/// Which of some keys are used already.
pub(crate) const USED: &str = "SELECT i.n
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[]) AS i (n, issuer, bucket, id)
    JOIN once_keys t ON t.issuer = i.issuer AND t.bucket = i.bucket AND t.id = i.id";

macro_rules! issuer_records {
    ($($name:ident = $rest:literal;)+) => {
        $(pub(crate) const $name: &str =
            concat!("SELECT issuer, revision, change, record, name FROM issuer_records ", $rest);)+
    };
}

issuer_records! {
    ISSUER_NAMED = "WHERE name = $1";
    ISSUER_AT = "WHERE place = $1";
    ISSUERS = "WHERE name > $1 ORDER BY name LIMIT $2";
    ISSUERS_FIRST = "ORDER BY name LIMIT $1";
    ISSUER_BY_ID = "WHERE issuer = $1";
    ISSUERS_CHANGED = "WHERE change > $1 ORDER BY change LIMIT $2";
}

/// Never a number that was given before, also when a replica takes over that has not heard of the last ones: milliseconds
/// have passed meanwhile.
pub(crate) const NEXT_CHANGE: &str = "UPDATE issuer_changes
    SET n = GREATEST(n + 1, (extract(epoch FROM clock_timestamp()) * 1000)::int8) WHERE id = 1 RETURNING n";
/// The number of an issuer that is made at run time, for the same reason by the second, counted from the year 2026.
pub(crate) const NEW_ISSUER_BY_TIME: &str = "INSERT INTO issuers (id, identifier)
    SELECT GREATEST(coalesce(max(id), 0) + 1, extract(epoch FROM clock_timestamp())::int8 - 1767225600), $1::bytea
    FROM issuers ON CONFLICT DO NOTHING";
pub(crate) const ISSUER_TAKEN: &str =
    "SELECT 1 FROM issuer_records WHERE name = $1 OR place = $2 LIMIT 1";
pub(crate) const CREATE_ISSUER: &str =
    "INSERT INTO issuer_records (issuer, name, place, deleting, revision, change, record)
    VALUES ($1, $2, $3, false, 1, $4, $5)";
pub(crate) const CHANGE_ISSUER: &str =
    "UPDATE issuer_records SET deleting = $3, revision = revision + 1, change = $4, record = $5
    WHERE issuer = $1 AND revision = $2";
pub(crate) const DELETE_ISSUER: &str = "DELETE FROM issuer_records WHERE issuer = $1 AND deleting";
/// Issuers with a delivery that is due: one look for each that has deliveries at all.
pub(crate) const DUE_ISSUERS: &str = "WITH RECURSIVE found (issuer, next_at) AS (
    (SELECT issuer, next_at FROM deliveries WHERE issuer > $1 ORDER BY issuer, next_at LIMIT 1)
    UNION ALL
    SELECT next.issuer, next.next_at FROM found CROSS JOIN LATERAL (
        SELECT t.issuer, t.next_at FROM deliveries t WHERE t.issuer > found.issuer
        ORDER BY t.issuer, t.next_at LIMIT 1) next)
    SELECT issuer FROM found WHERE next_at <= $2 LIMIT $3";

macro_rules! erasing {
    ($($table:literal $key:literal;)+) => {
        /// For each table with rows of issuers, the statement that deletes some of those of one that goes.
        pub(crate) const ERASING: &[&str] = &[$(concat!("DELETE FROM ", $table,
            " WHERE issuer = $1 AND (", $key, ") IN (SELECT ", $key, " FROM ", $table, " WHERE issuer = $1 LIMIT $2)
            AND EXISTS (SELECT 1 FROM issuer_records r WHERE r.issuer = $1 AND r.deleting)")),+];
        #[cfg(test)]
        const ERASED: &[&str] = &[$($table),+];
    };
}

erasing! {
    "codes" "bucket, id";
    "grants" "bucket, id";
    "sessions" "bucket, id";
    "denied_tokens" "bucket, id";
    "once_keys" "bucket, id";
    "waiting" "bucket, id";
    "deliveries" "bucket, id";
    "participants" "bucket, id";
    "activity" "bucket, id";
    "consents" "subject, client";
    "clients" "client";
    "registrations" "client";
    "initial_access" "id";
    "users" "subject";
    "signing_keys" "kid";
    "credentials" "subject, id";
    "roots" "issuer";
    "directories" "issuer";
    "admin_records" "kind, id";
    "audit_lines" "seq";
    "tallies" "bucket, id";
    "active_people" "bucket, id";
}

/// The statements that purge one table of expiring records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiring {
    /// The next issuers that have any rows, each with its lowest bucket.
    pub(crate) next_issuers: &'static str,
    /// Deletes some expired rows of an issuer: those that nobody else deletes at the moment.
    pub(crate) delete: &'static str,
}

macro_rules! expiring {
    ($($table:literal),+) => {
        pub(crate) const EXPIRING: &[Expiring] = &[$(Expiring {
            next_issuers: concat!("WITH RECURSIVE found (issuer, bucket, n) AS (
                (SELECT issuer, bucket, 1 FROM ", $table, " WHERE issuer > $1 ORDER BY issuer, bucket LIMIT 1)
                UNION ALL
                SELECT next.issuer, next.bucket, found.n + 1 FROM found CROSS JOIN LATERAL (
                    SELECT t.issuer, t.bucket FROM ", $table, " t WHERE t.issuer > found.issuer
                    ORDER BY t.issuer, t.bucket LIMIT 1) next
                WHERE found.n < 500)
                SELECT issuer, bucket FROM found ORDER BY issuer"),
            delete: concat!("WITH gone AS (SELECT issuer, bucket, id FROM ", $table,
                " WHERE issuer = $1 AND bucket < $2 ORDER BY bucket, id LIMIT $3 FOR UPDATE SKIP LOCKED)
                DELETE FROM ", $table, " t USING gone
                WHERE t.issuer = gone.issuer AND t.bucket = gone.bucket AND t.id = gone.id"),
        }),+];
    };
}

// What others are made of goes first, for the end of everything that was handed out.
expiring!(
    "sessions",
    "waiting",
    "codes",
    "grants",
    "deliveries",
    "participants",
    "activity",
    "tallies",
    "active_people",
    "denied_tokens",
    "once_keys"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_erased_from_every_table_that_has_rows_of_issuers() {
        let mut tables = Vec::new();
        for step in crate::migration::ALL {
            for table in step.sql.split("CREATE TABLE IF NOT EXISTS ").skip(1) {
                let (name, columns) = table.split_once(" (").unwrap();
                if columns.trim_start().starts_with("issuer ") && name != "issuer_records" {
                    tables.push(name);
                }
            }
        }
        tables.sort_unstable();
        let mut erased = ERASED.to_vec();
        erased.sort_unstable();
        assert_eq!(tables, erased);
    }
}

//! Every statement that runs while serving. A test asks SQLite for the plan of each: none may scan.

macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(pub(crate) const $name: &str = $sql;)+
        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$($name),+];
    };
}

statements! {
    CLIENT = "SELECT record FROM clients WHERE issuer = ?1 AND client = ?2";
    CLIENTS = "SELECT client, record FROM clients WHERE issuer = ?1 AND client > ?2 ORDER BY client LIMIT ?3";
    CLIENTS_FIRST = "SELECT client, record FROM clients WHERE issuer = ?1 ORDER BY client LIMIT ?2";
    COUNT_REGISTERED = "SELECT n FROM registered_clients WHERE issuer = ?1";
    COUNT_OF_SOFTWARE = "SELECT count(*) FROM registrations WHERE issuer = ?1 AND software = ?2";
    FOLDED_CLIENT = "SELECT client FROM registrations WHERE issuer = ?1 AND fold = ?2";
    IDLE_CLIENTS = "SELECT client FROM registrations WHERE issuer = ?1 AND used < ?2 ORDER BY used LIMIT ?3";
    INITIAL_ACCESS = "SELECT id, record, uses FROM initial_access WHERE issuer = ?1 AND id = ?2";
    INITIAL_ACCESSES = "SELECT id, record, uses FROM initial_access WHERE issuer = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    CODE = "SELECT spent, record FROM codes WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    WAITING = "SELECT revision, record FROM waiting WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    GRANT = "SELECT revoked_at, generation, rotated_at, idle_expires_at, record
        FROM grants WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    STANDING = "SELECT g.revoked_at, g.generation, g.rotated_at, g.idle_expires_at, g.record,
            EXISTS (SELECT 1 FROM denied_tokens AS d WHERE d.issuer = ?1 AND d.bucket = ?4 AND d.id = ?5)
        FROM grants AS g WHERE g.issuer = ?1 AND g.bucket = ?2 AND g.id = ?3";
    DENIED = "SELECT 1 FROM denied_tokens WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    SESSION = "SELECT record, seen FROM sessions WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    ACCOUNT_SESSIONS = "SELECT bucket, id, record, seen FROM sessions
        WHERE issuer = ?1 AND subject = ?2 LIMIT ?3";
    CONSENTS_OF = "SELECT client, record FROM consents WHERE issuer = ?1 AND subject = ?2 LIMIT ?3";
    ACTIVITY_OF = "SELECT bucket, id, record FROM activity
        WHERE issuer = ?1 AND subject = ?2 ORDER BY at DESC LIMIT ?3";
    ACTIVITY_BEFORE = "SELECT bucket, id, record FROM activity
        WHERE issuer = ?1 AND (bucket, id) < (?2, ?3) ORDER BY bucket DESC, id DESC LIMIT ?4";
    CONSENT = "SELECT record FROM consents WHERE issuer = ?1 AND subject = ?2 AND client = ?3";
    USER = "SELECT subject, record FROM users WHERE issuer = ?1 AND subject = ?2";
    USER_BY_NAME = "SELECT subject, record FROM users WHERE issuer = ?1 AND username_key = ?2";
    USERS = "SELECT subject, record FROM users WHERE issuer = ?1 AND username_key > ?2 ORDER BY username_key LIMIT ?3";
    USERS_FIRST = "SELECT subject, record FROM users WHERE issuer = ?1 ORDER BY username_key LIMIT ?2";
    CREDENTIALS = "SELECT id, record FROM credentials WHERE issuer = ?1 AND subject = ?2 LIMIT ?3";
    CREDENTIAL_BY_LOOKUP = "SELECT id, record, subject FROM credentials WHERE issuer = ?1 AND lookup = ?2";
    SIGNING_KEYS = "SELECT kid, record FROM signing_keys WHERE issuer = ?1";
    KEYS_CHANGED = "SELECT DISTINCT +issuer FROM signing_keys WHERE changed >= ?1 AND +issuer > ?2 ORDER BY +issuer LIMIT ?3";
    ROOTS_CHANGED = "SELECT issuer FROM roots WHERE changed >= ?1 AND +issuer > ?2 ORDER BY +issuer LIMIT ?3";
    TALLIES = "SELECT bucket, id, n FROM tallies
        WHERE issuer = ?1 AND bucket >= ?2 AND bucket <= ?3 ORDER BY bucket, id LIMIT 100000";
    COUNT_ACTIVE = "SELECT count(*) FROM active_people WHERE issuer = ?1 AND bucket = ?2";
    COUNT_SESSIONS = "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE issuer = ?1 AND bucket >= ?2 LIMIT ?3)";
    ADMIN_RECORD = "SELECT record FROM admin_records WHERE issuer = ?1 AND kind = ?2 AND id = ?3";
    ADMIN_RECORDS = "SELECT id, record FROM admin_records
        WHERE issuer = ?1 AND kind = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
    AUDIT_AFTER = "SELECT seq, record FROM audit_lines WHERE issuer = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    AUDIT_BEFORE = "SELECT seq, record FROM audit_lines WHERE issuer = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    ROOT = "SELECT record FROM roots WHERE issuer = ?1";
    DIRECTORY = "SELECT record FROM directories WHERE issuer = ?1";
    ISSUER_NUMBERS = "SELECT id, identifier FROM issuers WHERE id > ?1 ORDER BY id LIMIT ?2";
    PARTICIPANTS = "SELECT id, record FROM participants
        WHERE issuer = ?1 AND bucket = ?2 AND id >= ?3 AND id <= ?4 LIMIT ?5";
    NEXT_PARTICIPANT = "SELECT id, record FROM participants
        WHERE issuer = ?1 AND bucket = ?2 AND id >= ?3 AND id <= ?4 ORDER BY id LIMIT 1";
    SESSIONS_OF = "SELECT DISTINCT bucket, substr(id, 1, 32) FROM participants
        WHERE issuer = ?1 AND subject = ?2 LIMIT ?3";
    DUE_DELIVERIES = "SELECT bucket, id, attempts, next_at, record FROM deliveries
        WHERE issuer = ?1 AND next_at <= ?2 ORDER BY next_at LIMIT ?3";
    ISSUER = "SELECT id FROM issuers WHERE identifier = ?1";
    ISSUER_NAMED = "SELECT issuer, revision, change, record, name FROM issuer_records WHERE name = ?1";
    ISSUER_AT = "SELECT issuer, revision, change, record, name FROM issuer_records WHERE place = ?1";
    ISSUERS = "SELECT issuer, revision, change, record, name FROM issuer_records
        WHERE name > ?1 ORDER BY name LIMIT ?2";
    ISSUERS_FIRST = "SELECT issuer, revision, change, record, name FROM issuer_records
        WHERE name >= '' ORDER BY name LIMIT ?1";
    ISSUER_BY_ID = "SELECT issuer, revision, change, record, name FROM issuer_records WHERE issuer = ?1";
    ISSUERS_CHANGED = "SELECT issuer, revision, change, record, name FROM issuer_records
        WHERE change > ?1 ORDER BY change LIMIT ?2";
    DUE_ISSUER = "SELECT issuer, next_at FROM deliveries WHERE issuer > ?1 ORDER BY issuer, next_at LIMIT 1";
    VERSION = "PRAGMA data_version";
    ALIVE = "SELECT n FROM probe WHERE id = 1";

    NEW_ISSUER = "INSERT INTO issuers (identifier) VALUES (?1) ON CONFLICT DO NOTHING";
    NEXT_CHANGE = "UPDATE issuer_changes SET n = n + 1 WHERE id = 1 RETURNING n";
    CREATE_ISSUER = "INSERT INTO issuer_records (issuer, name, place, deleting, revision, change, record)
        VALUES (?1, ?2, ?3, 0, 1, ?4, ?5)";
    ISSUER_TAKEN = "SELECT 1 FROM issuer_records WHERE name = ?1
        UNION ALL SELECT 1 FROM issuer_records WHERE place = ?2";
    CHANGE_ISSUER = "UPDATE issuer_records SET deleting = ?3, revision = revision + 1, change = ?4, record = ?5
        WHERE issuer = ?1 AND revision = ?2";
    ISSUER_GOES = "SELECT 1 FROM issuer_records WHERE issuer = ?1 AND deleting = 1";
    DELETE_ISSUER = "DELETE FROM issuer_records WHERE issuer = ?1 AND deleting = 1";
    SPEND_CODE = "UPDATE codes SET spent = 1 WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND spent = 0";
    SPEND_REFRESH = "UPDATE grants SET generation = ?5, rotated_at = ?6, idle_expires_at = ?7
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND generation = ?4 AND revoked_at IS NULL";
    SPEND_STANDING = "SELECT 1 FROM grants WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND revoked_at IS NULL";
    SPEND_SESSION = "SELECT 1 FROM sessions WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    SPEND_ONCE = "INSERT INTO once_keys (issuer, bucket, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    SPEND_NEW_WAITING = "INSERT INTO waiting (issuer, bucket, id, record)
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    TAKE_BACK_ONCE = "DELETE FROM once_keys WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    TAKE_BACK_NEW_WAITING = "DELETE FROM waiting WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    SPEND_WAITING = "UPDATE waiting SET revision = ?5, record = ?6
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND revision = ?4";
    CONSUME_WAITING = "DELETE FROM waiting WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND revision = ?4";
    SPEND_NEW_USER = "INSERT INTO users (issuer, subject, username_key, revision, record)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    SPEND_NEW_CLIENT = "INSERT INTO clients (issuer, client, registered, record)
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    SPEND_NEW_REGISTRATION = "INSERT INTO registrations (issuer, client, used, software, fold)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    SPEND_IDLE_CLIENT = "SELECT 1 FROM registrations WHERE issuer = ?1 AND client = ?2 AND used < ?3";
    SPEND_INITIAL_ACCESS = "UPDATE initial_access SET uses = uses + 1
        WHERE issuer = ?1 AND id = ?2 AND (max_uses IS NULL OR uses < max_uses)";
    SPEND_NEW_ROOT = "INSERT INTO roots (issuer, revision, record, changed) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO NOTHING";
    SPEND_NEW_DIRECTORY = "INSERT INTO directories (issuer, revision, record) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    SPEND_DIRECTORY = "UPDATE directories SET revision = ?3, record = ?4 WHERE issuer = ?1 AND revision = ?2";
    SPEND_NEW_ADMIN = "INSERT INTO admin_records (issuer, kind, id, revision, record)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    SPEND_ADMIN = "UPDATE admin_records SET revision = ?5, record = ?6
        WHERE issuer = ?1 AND kind = ?2 AND id = ?3 AND revision = ?4";
    DELETE_ADMIN = "DELETE FROM admin_records WHERE issuer = ?1 AND kind = ?2 AND id = ?3 AND revision = ?4";
    FORGET_ADMIN = "DELETE FROM admin_records WHERE issuer = ?1 AND kind = ?2 AND id = ?3";
    SPEND_AUDIT = "INSERT INTO audit_lines (issuer, seq, record) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    SPEND_ROOT = "UPDATE roots SET revision = ?3, record = ?4, changed = ?5 WHERE issuer = ?1 AND revision = ?2";
    FORGET_INITIAL_ACCESS = "DELETE FROM initial_access WHERE (issuer, id) IN
        (SELECT issuer, id FROM initial_access WHERE issuer = ?1 LIMIT ?2)";
    SPEND_USER = "UPDATE OR IGNORE users SET username_key = ?4, revision = ?5, record = ?6
        WHERE issuer = ?1 AND subject = ?2 AND revision = ?3";

    SPEND_NEW_CREDENTIAL = "INSERT INTO credentials (issuer, subject, id, lookup, revision, record)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    SPEND_CREDENTIAL = "UPDATE OR IGNORE credentials SET lookup = ?5, revision = ?6, record = ?7
        WHERE issuer = ?1 AND subject = ?2 AND id = ?3 AND revision = ?4";
    DELETE_CREDENTIAL = "DELETE FROM credentials
        WHERE issuer = ?1 AND subject = ?2 AND id = ?3 AND revision = ?4";

    CLAIM_DELIVERY = "UPDATE deliveries SET attempts = ?5, next_at = ?6
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND attempts = ?4";
    FINISH_DELIVERY = "DELETE FROM deliveries WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND attempts = ?4";

    PUT_CODE = "INSERT INTO codes (issuer, bucket, id, record) VALUES (?1, ?2, ?3, ?4)";
    PUT_GRANT = "INSERT INTO grants (issuer, bucket, id, generation, rotated_at, idle_expires_at,
            session_bucket, session_id, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    TOUCH_REFRESH = "UPDATE grants SET idle_expires_at = ?4
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND generation IS NOT NULL";
    REVOKE_GRANT = "UPDATE grants SET revoked_at = ?4
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND revoked_at IS NULL";
    DENY_TOKEN = "INSERT INTO denied_tokens (issuer, bucket, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    PUT_SESSION = "INSERT INTO sessions (issuer, bucket, id, subject, record) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO UPDATE SET subject = excluded.subject, record = excluded.record";
    SESSION_SEEN = "UPDATE sessions SET seen = ?4
        WHERE issuer = ?1 AND bucket = ?2 AND id = ?3 AND (seen IS NULL OR seen < ?4)";
    PUT_ACTIVITY = "INSERT INTO activity (issuer, bucket, id, subject, at, record)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    ADD_TALLY = "INSERT INTO tallies (issuer, bucket, id, n) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET n = n + excluded.n";
    PUT_ACTIVE = "INSERT INTO active_people (issuer, bucket, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    DELETE_USER = "DELETE FROM users WHERE issuer = ?1 AND subject = ?2 AND revision = ?3";
    FORGET_CREDENTIALS = "DELETE FROM credentials WHERE issuer = ?1 AND subject = ?2";
    FORGET_CONSENTS = "DELETE FROM consents WHERE issuer = ?1 AND subject = ?2";
    FORGET_ACTIVITY = "DELETE FROM activity WHERE issuer = ?1 AND subject = ?2";
    END_SESSION = "DELETE FROM sessions WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    PUT_PARTICIPANT = "INSERT INTO participants (issuer, bucket, id, subject, record) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO UPDATE SET subject = excluded.subject, record = excluded.record";
    FORGET_PARTICIPANT = "DELETE FROM participants WHERE issuer = ?1 AND bucket = ?2 AND id = ?3";
    PUT_CONSENT = "INSERT INTO consents (issuer, subject, client, record) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET record = excluded.record";
    FORGET_CONSENT = "DELETE FROM consents WHERE issuer = ?1 AND subject = ?2 AND client = ?3";
    PUT_CLIENT = "INSERT INTO clients (issuer, client, registered, record) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET registered = excluded.registered, record = excluded.record";
    DELETE_CLIENT = "DELETE FROM clients WHERE issuer = ?1 AND client = ?2";
    DELETE_REGISTRATION = "DELETE FROM registrations WHERE issuer = ?1 AND client = ?2";
    CLIENT_USED = "UPDATE registrations SET used = ?3 WHERE issuer = ?1 AND client = ?2 AND used < ?3";
    PUT_INITIAL_ACCESS = "INSERT INTO initial_access (issuer, id, uses, max_uses, record) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO UPDATE SET uses = excluded.uses, max_uses = excluded.max_uses, record = excluded.record";
    DELETE_INITIAL_ACCESS = "DELETE FROM initial_access WHERE issuer = ?1 AND id = ?2";
    PUT_SIGNING_KEY = "INSERT INTO signing_keys (issuer, kid, record, changed) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET record = excluded.record, changed = excluded.changed";
    DELETE_SIGNING_KEY = "DELETE FROM signing_keys WHERE issuer = ?1 AND kid = ?2";
    PUT_DELIVERY = "INSERT INTO deliveries (issuer, bucket, id, attempts, next_at, record)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    PROBE = "UPDATE probe SET n = n + 1 WHERE id = 1";
}

/// The statements that purge one table of expiring records.
#[derive(Debug)]
pub(crate) struct Expiring {
    /// The next issuer that has any rows, and its lowest bucket.
    pub(crate) next_issuer: &'static str,
    /// The lowest bucket of an issuer that has any rows.
    pub(crate) lowest: &'static str,
    /// The key of the row at an offset among the expired ones of an issuer.
    pub(crate) boundary: &'static str,
    /// Deletes the expired rows of an issuer before a key.
    pub(crate) delete_before: &'static str,
    /// Deletes all expired rows of an issuer.
    pub(crate) delete_all: &'static str,
}

macro_rules! expiring {
    ($($kind:ident $table:literal;)+) => {
        /// A table of expiring records; as a number its place in [`EXPIRING`].
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Expires {
            $($kind),+
        }

        pub(crate) const EXPIRING: &[Expiring] = &[$(Expiring {
            next_issuer: concat!("SELECT issuer, bucket FROM ", $table,
                " WHERE issuer > ?1 ORDER BY issuer, bucket LIMIT 1"),
            lowest: concat!("SELECT bucket FROM ", $table, " WHERE issuer = ?1 ORDER BY bucket LIMIT 1"),
            boundary: concat!("SELECT bucket, id FROM ", $table,
                " WHERE issuer = ?1 AND bucket < ?2 ORDER BY bucket, id LIMIT 1 OFFSET ?3"),
            delete_before: concat!("DELETE FROM ", $table, " WHERE issuer = ?1 AND (bucket, id) < (?2, ?3)"),
            delete_all: concat!("DELETE FROM ", $table, " WHERE issuer = ?1 AND bucket < ?2"),
        }),+];
    };
}

// What others are made of goes first, for the end of everything that was handed out.
expiring! {
    Sessions "sessions";
    Waiting "waiting";
    Codes "codes";
    Grants "grants";
    Deliveries "deliveries";
    Participants "participants";
    Activity "activity";
    Tallies "tallies";
    ActivePeople "active_people";
    DeniedTokens "denied_tokens";
    OnceKeys "once_keys";
}

macro_rules! erasing {
    ($($table:literal $key:literal;)+) => {
        /// For each table with rows of issuers, the statement that deletes some of those of one.
        pub(crate) const ERASING: &[&str] = &[$(concat!("DELETE FROM ", $table,
            " WHERE issuer = ?1 AND (", $key, ") IN (SELECT ", $key, " FROM ", $table, " WHERE issuer = ?1 LIMIT ?2)")),+];
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
    "registered_clients" "issuer";
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn no_statement_scans() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&crate::migration::schema()).unwrap();
        let purging = EXPIRING.iter().flat_map(|e| {
            [
                e.next_issuer,
                e.lowest,
                e.boundary,
                e.delete_before,
                e.delete_all,
            ]
        });
        let all = ALL.iter().chain(ERASING).copied();
        for sql in all.chain(purging) {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for place in 1..=plan.parameter_count() {
                plan.raw_bind_parameter(place, 0).unwrap();
            }
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get("detail").unwrap();
                let fine = step.starts_with("SEARCH")
                    || step.starts_with("SCALAR SUBQUERY")
                    || step.starts_with("LIST SUBQUERY")
                    || step.starts_with("CREATE BLOOM FILTER")
                    // As many as the statement itself lets in.
                    || step.ends_with("(subquery-1)") && sql.contains(" LIMIT ?3)")
                    || matches!(
                        &*step,
                        "COMPOUND QUERY" | "LEFT-MOST SUBQUERY" | "UNION ALL"
                    )
                    || step == "USE TEMP B-TREE FOR DISTINCT"
                    // Of the few that have changed.
                    || step == "USE TEMP B-TREE FOR ORDER BY" && sql.contains("changed >= ?1");
                assert!(fine, "{step}: {sql}");
            }
        }
    }

    #[test]
    fn what_has_changed_is_found_without_a_look_at_the_rest() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&crate::migration::schema()).unwrap();
        for sql in [KEYS_CHANGED, ROOTS_CHANGED] {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = plan.query_map([0, 0, 0], |row| row.get::<_, String>("detail"));
            let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
            assert!(steps[0].contains("_changed (changed>?)"), "{steps:?}");
        }
    }

    #[test]
    fn an_issuer_is_erased_from_every_table_that_has_rows_of_issuers() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&crate::migration::schema()).unwrap();
        let sql = "SELECT t.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
            WHERE t.type = 'table' AND c.name = 'issuer' AND t.name <> 'issuer_records' ORDER BY t.name";
        let mut tables = db.prepare(sql).unwrap();
        let rows = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        let mut erased = ERASED.to_vec();
        erased.sort_unstable();
        assert_eq!(rows, erased);
    }

    #[test]
    fn purging_uses_the_whole_key() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&crate::migration::schema()).unwrap();
        for table in EXPIRING {
            let sql = format!("EXPLAIN QUERY PLAN {}", table.delete_before);
            let step: String = db
                .query_row(&sql, (0, 0, [0_u8; 1]), |row| row.get("detail"))
                .unwrap();
            assert!(step.contains("(bucket,id)<(?,?)"), "{step}");
        }
    }
}

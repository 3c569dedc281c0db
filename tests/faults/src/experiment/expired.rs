//! Rows that have expired long ago, beside rows that have not, put into PostgreSQL behind the server's back.

use hallpass_testpg::Cluster;

use crate::Failed;

/// Rows of three tables: codes, grants, and keys of what was used once.
#[derive(Debug)]
pub(crate) struct Expired {
    issuer: String,
    live: u64,
}

impl Expired {
    /// That many that have expired, and a tenth of it that have not.
    pub(crate) fn put(cluster: &Cluster, rows: u64) -> Self {
        let issuer = cluster.sql("SELECT min(id) FROM issuers");
        let each = rows.div_ceil(5).max(1);
        let live = rows.div_ceil(10).max(1);
        // Of each five rows three are keys, as it is where clients use assertions.
        for (table, number, shift) in [
            ("codes", each, EXPIRED),
            ("grants", each, EXPIRED),
            ("once_keys", each.saturating_mul(3), EXPIRED),
            ("once_keys", live, LIVE),
        ] {
            cluster.sql(&put(table, &issuer, number, shift));
        }
        cluster.sql("ANALYZE codes, grants, once_keys");
        Self { issuer, live }
    }

    /// Whether any that has expired is left. The planner is not to read a whole table for that.
    pub(crate) fn is_left(&self, cluster: &Cluster) -> bool {
        let any = |table: &str| {
            format!(
                "EXISTS (SELECT 1 FROM {table} WHERE issuer = {} AND bucket < {NOW} - {})",
                self.issuer, OLD
            )
        };
        let any = ["codes", "grants", "once_keys"].map(any).join(" OR ");
        cluster.sql(&format!("SET enable_seqscan = off; SELECT {any}")) == "t"
    }

    /// How many of those that have not expired are gone.
    pub(crate) fn lost(&self, cluster: &Cluster) -> Result<u64, Failed> {
        let left = cluster.sql(&format!(
            "SELECT count(*) FROM once_keys WHERE issuer = {} AND bucket >= {NOW} + {FUTURE}",
            self.issuer
        ));
        let left: u64 = left
            .parse()
            .map_err(|error| Failed::new(format!("live rows: {error}")))?;
        Ok(self.live.saturating_sub(left))
    }
}

/// How often a whole table was read.
pub(crate) fn scans(cluster: &Cluster) -> String {
    cluster.sql(
        "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables
         WHERE relname IN ('codes', 'grants', 'once_keys')",
    )
}

fn put(table: &str, issuer: &str, number: u64, shift: &str) -> String {
    let (columns, values) = match table {
        "codes" => (
            ", spent, subject, record",
            format!(", true, '\\x61', {RECORD}"),
        ),
        "grants" => (", subject, record", format!(", '\\x61', {RECORD}")),
        _ => ("", String::new()),
    };
    let id = match table {
        "grants" => "substring(decode(md5(n::text), 'hex') FOR 12)",
        _ => "decode(md5(n::text) || md5((n + 7)::text), 'hex')",
    };
    format!(
        "INSERT INTO {table} (issuer, bucket, id{columns})
         SELECT {issuer}, {NOW} {shift}, {id}{values} FROM generate_series(1, {number}) n"
    )
}

/// Some three hundred bytes.
const RECORD: &str = "decode(repeat(md5(n::text), 20), 'hex')";
/// Rows lie by the minute in which they expire.
const NOW: &str = "(extract(epoch FROM now())::bigint / 60)";
const OLD: u32 = 10_000;
const EXPIRED: &str = "- 20000 - n % 5000";
const FUTURE: u32 = 20_000;
const LIVE: &str = "+ 30000 + n % 5000";

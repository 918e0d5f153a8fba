//! What the doctor finds of the broker: whether Redis is fit for the stream, and lets the broadcaster do what it needs.

use std::time::Duration;

use server::MAX_CLOCK_DIFFERENCE;
use server::broker::{
    BrokerOptions, BrokerReport, InspectError, Memory, Remedy, Saving, Seen, StreamReport, UnfitScheme, inspect,
};

use super::finding::Finding::{self, Bad, Good, Note};
use crate::output::ago;

/// An answer that takes longer is noted: each event comes later by that time.
const LONG_LATENCY: Duration = Duration::from_millis(20);
/// Clocks that differ by more are noted.
const NOTED_DIFFERENCE: Duration = Duration::from_secs(1);

pub(super) fn findings(options: &BrokerOptions) -> Vec<Finding> {
    match inspect(options) {
        Ok(report) => of_report(&report, options),
        Err(error) => vec![no_connection(&error, options)],
    }
}

fn no_connection(error: &InspectError, options: &BrokerOptions) -> Finding {
    let remedy = match &error.remedy {
        Remedy::Login(rights) => login(options, rights),
        Remedy::Rights(rights) => grant(options.address.user(), rights),
        Remedy::TlsFiles => "broker.url must name files in PEM that are there and that the broadcaster's user can read \
                             (?ca=, &cert=, &key=)"
            .to_owned(),
        Remedy::Sentinel => "write redis+sentinel:// with all Sentinels, and behind them the name of the master, as in \
                             redis+sentinel://HOST:26379,HOST,HOST/mymaster (mymaster stands in their `sentinel monitor`)"
            .to_owned(),
        Remedy::Server => {
            "see whether Redis runs, and whether broker.url has its address. Until then events wait in the queue of \
                 each machine, and no client receives any"
                .to_owned()
        }
    };
    Bad(format!("broker: {error}"), remedy)
}

/// How the user is made. Who logs in as nobody gets a user, so that the default one need not be open.
fn login(options: &BrokerOptions, rights: &str) -> String {
    let user = match options.address.user() {
        "default" => "broadcaster",
        user => user,
    };
    let create = grant(user, &format!("on '>PASSWORD' {rights}"));
    format!(
        "user and password in broker.url, with all characters but letters, digits and -._~ percent-encoded (@ as %40). \
         If Redis does not have the user: {create}"
    )
}

fn grant(user: &str, rights: &str) -> String {
    format!(
        "ACL SETUSER {user} {rights}; then CONFIG REWRITE (ACL SAVE with an aclfile), or its next restart forgets it"
    )
}

fn of_report(report: &BrokerReport, options: &BrokerOptions) -> Vec<Finding> {
    let mut findings = vec![software(report)];
    findings.extend(report.unfit_scheme.map(|unfit| scheme(unfit, &report.server)));
    findings.extend(refusals(report, options));
    findings.extend(extras(&report.refused_extras, options));
    findings.push(seen(&report.memory, "what it does when its memory is full", |found| memory(found, options)));
    findings.push(seen(&report.saving, "what it writes to disk", saving));
    findings.push(seen(&report.replicas, "how many replicas it has", |count| replicas(*count, options.min_replicas)));
    findings.push(seen(&report.latency, "how fast it answers", |time| latency(*time)));
    findings.push(seen(&report.clock_difference, "whether its clock is that of this machine", |time| clock(*time)));
    findings.push(seen(&report.stream, "how long the stream is", |found| stream(found, options)));
    findings
}

/// What could not be seen is no problem of the broadcaster's.
fn seen<T>(seen: &Seen<T>, what: &str, judge: impl FnOnce(&T) -> Finding) -> Finding {
    match seen {
        Ok(found) => judge(found),
        Err(reason) => Note(
            format!("broker: {what} could not be checked: {reason}"),
            "look it up there, or let the doctor ask: +info +config|get +time +xlen +memory|usage".to_owned(),
        ),
    }
}

fn software(report: &BrokerReport) -> Finding {
    let server = &report.server;
    match &report.software {
        Ok(software) if software.is_sufficient => {
            Good(format!("the broker at {server} answers: {} {}", software.name, software.version))
        }
        Ok(software) => Bad(
            format!("the broker at {server} is {} {}", software.name, software.version),
            "Redis 6.2 or newer, or Valkey, is needed".to_owned(),
        ),
        Err(reason) => Note(
            format!("the broker at {server} answers, but not which version it is: {reason}"),
            "Redis 6.2 or newer, or Valkey, is needed".to_owned(),
        ),
    }
}

fn scheme(unfit: UnfitScheme, server: &str) -> Finding {
    match unfit {
        UnfitScheme::NoCluster => Note(
            format!("the broker at {server} is one server and no cluster, and broker.url begins with redis+cluster"),
            "write redis:// (rediss:// with TLS) and one host".to_owned(),
        ),
        UnfitScheme::Cluster => Note(
            format!(
                "the broker at {server} is a part of a cluster, and broker.url names this server only: when the stream \
                 goes to another one, events wait"
            ),
            "write redis+cluster:// (rediss+cluster:// with TLS) and several hosts".to_owned(),
        ),
    }
}

/// What nothing depends on.
fn extras(refused: &[&str], options: &BrokerOptions) -> Option<Finding> {
    let uses = |command: &&str| match *command {
        "ping" => "with ping the doctor measures how fast Redis answers",
        _ => "by client|setname CLIENT LIST shows which connections are those of broadcasters",
    };
    let uses: Vec<&str> = refused.iter().map(uses).collect();
    let rights: Vec<String> = refused.iter().map(|command| format!("'+{command}'")).collect();
    let user = options.address.user();
    (!refused.is_empty()).then(|| {
        Note(
            format!("broker: the user {user} may not do this, and nothing depends on it: {}", uses.join("; ")),
            grant(user, &rights.join(" ")),
        )
    })
}

fn refusals(report: &BrokerReport, options: &BrokerOptions) -> Vec<Finding> {
    let (by_rights, others): (Vec<_>, Vec<_>) = report.refusals.iter().partition(|refusal| refusal.is_about_rights());
    let mut findings = Vec::new();
    if let Some(first) = by_rights.first() {
        let commands: Vec<&str> = by_rights.iter().map(|refusal| refusal.command).collect();
        findings.push(Bad(
            format!(
                "broker: the user {} may not do what the broadcaster needs ({}): {}",
                options.address.user(),
                commands.join(", "),
                first.reason()
            ),
            grant(options.address.user(), &report.rights),
        ));
    }
    // A server that takes no writes refuses several commands for the same reason.
    let mut reasons: Vec<String> = Vec::new();
    for refusal in others {
        let reason = refusal.reason();
        if !reasons.contains(&reason) {
            findings.push(Bad(
                format!("broker: {} is refused: {reason}", refusal.command),
                "until then events wait in the queue of each machine".to_owned(),
            ));
            reasons.push(reason);
        }
    }
    if findings.is_empty() {
        findings.push(Good("the broker lets the broadcaster do all that it needs".to_owned()));
    }
    findings
}

fn memory(memory: &Memory, options: &BrokerOptions) -> Finding {
    let used = mebibytes(memory.used);
    let Some(limit) = memory.limit else {
        return Good(format!("the broker uses {used} of memory, without a limit of its own (maxmemory)"));
    };
    let described = format!("the broker uses {used} of {}, and then its policy is {}", mebibytes(limit), memory.policy);
    if memory.policy != "noeviction" {
        Bad(
            format!("{described}: it deletes keys in silence, and so loses the stream or lets repeats through"),
            "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf".to_owned(),
        )
    } else if limit <= options.max_bytes {
        Note(
            format!("{described}; broker.max_bytes is {}", mebibytes(options.max_bytes)),
            "raise maxmemory above it by a third or more, or lower broker.max_bytes: a full Redis takes no events, and \
             they wait in the queues"
                .to_owned(),
        )
    } else {
        Good(described)
    }
}

fn saving(saving: &Saving) -> Finding {
    let syncs = saving.syncs.as_deref().unwrap_or("unknown");
    match (saving.is_append_only, &saving.snapshots) {
        (true, _) => Good(format!("the broker appends to a file what it is given (appendfsync {syncs})")),
        (false, Ok(true)) => Good(
            "the broker saves snapshots only: if it ends without warning, what came after the last one is lost, and \
             clients are told (appendonly yes keeps it)"
                .to_owned(),
        ),
        (false, Ok(false)) => Note(
            "the broker writes nothing to disk: when Redis is started again, the stream is empty. Events that it had \
             confirmed and that a broadcaster had not read yet are lost, and clients are told that they may have \
             missed something"
                .to_owned(),
            "appendonly yes in redis.conf".to_owned(),
        ),
        (false, Err(reason)) => Note(
            format!("the broker does not append to a file; whether it saves snapshots could not be checked: {reason}"),
            "appendonly yes in redis.conf, or let the doctor ask: +config|get".to_owned(),
        ),
    }
}

fn replicas(replicas: u32, wanted: u32) -> Finding {
    if replicas < wanted {
        return Bad(
            format!(
                "the broker has {replicas} replicas, and broker.min_replicas is {wanted}: events wait in the queues"
            ),
            "start the replicas, or lower broker.min_replicas".to_owned(),
        );
    }
    Good(format!("the broker has {replicas} replicas (broker.min_replicas: {wanted})"))
}

fn latency(latency: Duration) -> Finding {
    let text = format!("the broker answers in {:.2} ms (median)", latency.as_secs_f64() * 1e3);
    if latency < LONG_LATENCY {
        Good(text)
    } else {
        Note(text, "every event is later by this at least: run Redis nearer, or see what keeps it busy".to_owned())
    }
}

fn clock(difference: Duration) -> Finding {
    let text = format!("the clocks of the broker and of this machine differ by {:.3} s", difference.as_secs_f64());
    let remedy = || "let NTP set the clock of each machine (timedatectl)".to_owned();
    if difference >= MAX_CLOCK_DIFFERENCE {
        Bad(format!("{text}: a page that names a moment (EventQueue::now()) can miss events"), remedy())
    } else if difference > NOTED_DIFFERENCE {
        Note(text, remedy())
    } else {
        Good(text)
    }
}

fn stream(stream: &StreamReport, options: &BrokerOptions) -> Finding {
    let StreamReport { entries, bytes, oldest } = stream;
    let key = options.stream_key();
    let oldest = oldest.map(|age| format!(", the oldest {} old", ago(age))).unwrap_or_default();
    let bytes = match bytes {
        Ok(bytes) => format!("{} of memory", mebibytes(*bytes)),
        Err(reason) => format!("its memory could not be checked ({reason})"),
    };
    Good(format!("the stream {key} has {entries} entries{oldest}, {bytes}"))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use server::broker::Software;

    use super::*;

    fn options() -> BrokerOptions {
        BrokerOptions {
            address: "redis://h".parse().expect("a URL"),
            prefix: "fastapi".to_owned(),
            max_events: 1000,
            max_bytes: 1 << 20,
            min_replicas: 0,
        }
    }

    fn shown(finding: &Finding) -> String {
        match finding {
            Good(text) => format!("ok {text}"),
            Note(text, remedy) => format!("note {text} -> {remedy}"),
            Bad(text, remedy) => format!("BAD {text} -> {remedy}"),
        }
    }

    #[test]
    fn clocks_that_differ_by_some_seconds_are_a_problem() {
        for (millis, label) in [(0, "ok"), (1000, "ok"), (1001, "note"), (2999, "note"), (3000, "BAD")] {
            let found = shown(&clock(Duration::from_millis(millis)));
            assert!(found.starts_with(label), "{found}");
        }
    }

    #[test]
    fn an_old_version_is_a_problem() {
        let (name, version) = ("redis".to_owned(), "6.0.16".to_owned());
        let report = BrokerReport {
            server: "h:1".to_owned(),
            software: Ok(Software { name, version, is_sufficient: false }),
            unfit_scheme: None,
            memory: Err("x".to_owned()),
            saving: Err("x".to_owned()),
            replicas: Err("x".to_owned()),
            latency: Err("x".to_owned()),
            clock_difference: Err("x".to_owned()),
            stream: Err("x".to_owned()),
            refusals: Vec::new(),
            refused_extras: Vec::new(),
            rights: String::new(),
        };
        let found: Vec<String> = of_report(&report, &options()).iter().map(shown).collect();
        assert!(found[0].starts_with("BAD the broker at h:1 is redis 6.0.16 -> Redis 6.2"), "{found:?}");
        assert!(found[2..].iter().all(|found| found.starts_with("note broker: ")), "{found:?}");
    }

    #[test]
    fn an_answer_that_takes_long_is_noted() {
        assert!(shown(&latency(Duration::from_millis(1))).starts_with("ok "));
        assert!(shown(&latency(Duration::from_millis(20))).starts_with("note "));
    }
}

//! What tokens cost: the check of one, and connections with them.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use anyhow::Context;

use super::Plan;
use super::subject::Subject;
use crate::client::Manner;
use crate::machine::{own_cpu_secs, possible_connections};
use crate::report::{Metric, Section};
use crate::signing::Signed;

const METRICS: &[Metric] =
    &[Metric { name: "thousand a second", unit: 1e3 }, Metric { name: "CPU µs for each", unit: 1e-6 }];
/// Checks between two looks at the clock.
const CHECKS: u32 = 100;
const NO_KEY: &str = "no token, a server without a key";

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let clients = possible_connections().min(plan.pick(2_000, 10_000));
    let mut section = Section::new(
        "Tokens",
        "Checks: the server's own, one after the other, for a second of one core. Connections: plain clients of the broadcaster, each with \
         the token in its URL; the rate is that of the load, too. Ratios to HS256, and to clients and a server without tokens.",
        METRICS,
    );
    let (hs256, es256) = (Signed::hs256()?, Signed::es256()?);
    for _ in 0..plan.rounds {
        for (name, signed, against) in [("HS256", &hs256, None), ("ES256", &es256, Some("HS256"))] {
            section.add("checks", name, against, &check(plan, signed)?);
        }
        let case = format!("{clients} connections");
        let connections: [(&'static str, &[&str], Option<&Signed>); 4] = [
            (NO_KEY, &[], None),
            ("no token, a server with a key", &hs256.flags()?, None),
            ("HS256", &hs256.flags()?, Some(&hs256)),
            ("ES256", &es256.flags()?, Some(&es256)),
        ];
        for (name, flags, signed) in connections {
            let token = signed.map(|signed| signed.token);
            let values = connect(plan, flags, token, clients).with_context(|| format!("{case}, {name}"))?;
            section.add(&case, name, (name != NO_KEY).then_some(NO_KEY), &values);
        }
    }
    Ok(section)
}

/// Checks a token again and again.
fn check(plan: &Plan, signed: &Signed) -> anyhow::Result<[f64; 2]> {
    let config = signed.settings()?.resolve()?;
    plan.cores.on_server(|| {
        let (begun, cpu) = (Instant::now(), own_cpu_secs());
        let mut checks = 0;
        while begun.elapsed() < plan.load_time() {
            for _ in 0..CHECKS {
                let claims = server::token::check(&config, black_box(signed.token), SystemTime::now());
                black_box(claims.context("a token does not count")?);
            }
            checks += CHECKS;
        }
        let each = (own_cpu_secs() - cpu) / f64::from(checks);
        Ok([1.0 / each, each])
    })
}

fn connect(plan: &Plan, flags: &[&str], token: Option<&'static str>, clients: usize) -> anyhow::Result<[f64; 2]> {
    let started = Subject::Broadcaster.start_with_flags(plan, flags)?;
    let manner = Manner { token, ..Manner::default() };
    // With the first clients a server makes what it makes only once.
    let _first = started.connect_as(manner, 10)?;
    let (begun, cpu) = (Instant::now(), started.server.cpu_secs()?);
    let _swarm = started.connect_as(manner, clients)?;
    let secs = begun.elapsed().as_secs_f64();
    let each = clients as f64;
    Ok([each / secs, (started.server.cpu_secs()? - cpu) / each])
}

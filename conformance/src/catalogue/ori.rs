//! TP-ORI: from which pages a WIC may come.

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Came, Upgrade, digest, http};
use crate::tester::Tester;
use crate::verdict::{Outcome, Stop};

purposes! {
    "ORI-01" Epcscf Any Requirement "33.203 REQ 1.1, SEED X.2.1.2 step 2" {
        "The page of an authorised WWSF is let in",
        "an upgrade with a listed Origin" => "101",
        test(listed),
    }
    "ORI-02" Epcscf Any Requirement "33.203 REQ 1.1" {
        "Another page is kept out",
        "an upgrade with an Origin that is not listed" => "403, not one WebSocket octet, and the connection ends",
        test(unlisted),
    }
    "ORI-03" Epcscf Any Requirement "RFC 6454 §4" {
        "An Origin is compared whole",
        "a listed name with something before it, behind it, or on another port" => "403 each time",
        test(each_refused, Wrong::Lookalike),
    }
    "ORI-04" Epcscf Any Requirement "RFC 6454 §6.2" {
        "Case and the default port make no difference",
        "a listed Origin in capitals; with :443" => "101 each time",
        test(same_origin),
    }
    "ORI-05" Epcscf Any Policy "33.203 REQ 1.1" {
        "An insecure page is kept out",
        "a listed name with http" => "403",
        test(each_refused, Wrong::Insecure),
    }
    "ORI-06" Epcscf Any Policy "RFC 6454 §7.3" {
        "An opaque origin is kept out",
        "Origin: null" => "403",
        test(each_refused, Wrong::Null),
    }
    "ORI-07" Epcscf Any Policy "RFC 6455 §10.2" {
        "A client without Origin is kept out",
        given "native clients are not let in",
        "no Origin" => "403",
        test(no_origin),
    }
    "ORI-08" Epcscf Any Policy "RFC 6454 §7.3" {
        "Two Origins, or one with more than an origin, are refused",
        "Origin twice; a list; with a path; with a slash; with user information" => "403 each time",
        test(each_refused, Wrong::Malformed),
    }
    "ORI-09" Epcscf Range Policy "33.203 REQ 2.1, REQ 2.2" {
        "A WWSF that may not use flow 1 is held to that",
        given "a WIC of the partner's page, which may use flow 3 only",
        "a REGISTER with Digest credentials" => "403; nothing reaches the core",
        test(foreign_flow),
    }
    "ORI-10" Wwsf WebAuth Requirement "Fetch, CORS protocol" {
        "The token endpoint does not answer pages of others",
        "a preflight from an origin that is not listed, then the request itself"
            => "no Access-Control-Allow-Origin, and no token",
        test(foreign_preflight),
    }
    "ORI-11" Epcscf Any Policy "RFC 6455 §10.2" {
        "Native clients are let in where that is switched on",
        given "connection.native_clients = allow, for the partner's WWSF",
        "no Origin" => "101",
        test(native_client),
    }
    "ORI-12" Epcscf Any Policy "TS 23.228 U.2.1.2" {
        "Only the path that is served is served",
        "an upgrade to another path" => "404",
        test(other_path),
    }
}

async fn listed(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    for origin in [edge.operator.origin.clone(), edge.partner.origin.clone()] {
        let (answer, _) = edge.try_upgrade(&edge.upgrade(&origin)).await?;
        t.saw(format!("{origin}: {}", answer.status));
        t.check(answer.status == 101, format!("{origin}: {}", answer.status))?;
    }
    Ok(())
}

async fn unlisted(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let (answer, mut wic) = edge.try_upgrade(&edge.upgrade("https://rogue.example")).await?;
    t.saw(format!("{} {}", answer.status, answer.text().trim_end()));
    t.check(answer.status == 403, format!("{} instead of 403", answer.status))?;
    let came = wic.next().await?;
    t.check(came == Came::End, format!("{came:?} after the refusal, where the connection should end"))
}

#[derive(Clone, Copy)]
enum Wrong {
    Lookalike,
    Insecure,
    Null,
    Malformed,
}

async fn each_refused(t: &mut Tester, wrong: Wrong) -> Outcome {
    let edge = t.edge().await?;
    let listed = edge.operator.origin.clone();
    let (scheme, host) = listed.split_once("://").ok_or_else(|| Stop::Inconclusive("the listed origin".into()))?;
    let origins = match wrong {
        Wrong::Lookalike => vec![
            format!("{listed}.evil.example"),
            format!("{scheme}://evil{host}"),
            format!("{scheme}://evil.{host}"),
            format!("{}:4443", listed.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':')),
        ],
        Wrong::Insecure => vec![format!("http://{host}")],
        Wrong::Null => vec!["null".into()],
        Wrong::Malformed => vec![
            format!("{listed} https://a.example"),
            format!("{listed}/path"),
            format!("{listed}/"),
            format!("{scheme}://user@{host}"),
        ],
    };
    let mut upgrades: Vec<(String, Upgrade)> =
        origins.into_iter().map(|origin| (origin.clone(), edge.upgrade(&origin))).collect();
    if matches!(wrong, Wrong::Malformed) {
        upgrades.push(("Origin twice".into(), edge.upgrade(&listed).with("Origin", &listed)));
    }
    for (what, upgrade) in upgrades {
        let (answer, _) = edge.try_upgrade(&upgrade).await?;
        t.saw(format!("{what}: {}", answer.status));
        t.check(answer.status == 403, format!("{what}: {} instead of 403", answer.status))?;
    }
    Ok(())
}

async fn same_origin(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let listed = edge.operator.origin.clone();
    let with_port = match listed.rsplit(':').next().is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit())) {
        true => listed.clone(),
        false => format!("{listed}:443"),
    };
    for origin in [listed.to_ascii_uppercase(), with_port] {
        let (answer, _) = edge.try_upgrade(&edge.upgrade(&origin)).await?;
        t.saw(format!("{origin}: {}", answer.status));
        t.check(answer.status == 101, format!("{origin}: {} instead of 101", answer.status))?;
    }
    Ok(())
}

async fn no_origin(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let (answer, _) = edge.try_upgrade(&Upgrade::bare(&edge.wss)).await?;
    t.saw(answer.status.to_string());
    t.check(answer.status == 403, format!("{} instead of 403", answer.status))
}

async fn foreign_flow(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", digest::identity(&alice.impi, &alice.domain));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn foreign_preflight(t: &mut Tester) -> Outcome {
    let wwsf = t.wwsf(Setup::new()).await?;
    let log = t.log().clone();
    let mut preflight = Upgrade { start: "OPTIONS /api/token HTTP/1.1".into(), lines: Vec::new() }
        .with("Host", &wwsf.https.authority())
        .with("Origin", "https://rogue.example")
        .with("Access-Control-Request-Method", "POST")
        .with("Access-Control-Request-Headers", "content-type");
    let answer = http(&wwsf.https, &preflight, "", &log).await?;
    t.saw(format!("preflight: {}", answer.status));
    t.check(answer.value("access-control-allow-origin").is_none(), "the preflight was answered with an allowance")?;
    preflight.start = "POST /api/token HTTP/1.1".into();
    let request = preflight.without("Access-Control-Request-Method").without("Access-Control-Request-Headers");
    let answer = http(&wwsf.https, &request.with("Content-Type", "application/json"), "{}", &log).await?;
    t.saw(format!("POST: {}", answer.status));
    t.check(answer.value("access-control-allow-origin").is_none(), "the answer may be read by the page of others")?;
    let token = answer.json().is_some_and(|json| json.get("token").is_some());
    t.check(!token, "a token was given to the page of others")
}

async fn native_client(t: &mut Tester) -> Outcome {
    let setup = Setup::new()
        .with("connection.native_clients", "allow")
        .with("connection.native_wwsf", "\"wwsf.partner.example\"");
    let edge = t.edge_with(setup).await?;
    let (answer, _) = edge.try_upgrade(&Upgrade::bare(&edge.wss)).await?;
    t.saw(answer.status.to_string());
    t.check(answer.status == 101, format!("{} instead of 101", answer.status))
}

async fn other_path(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut upgrade = edge.upgrade(&edge.operator.origin);
    upgrade.start = "GET /elsewhere HTTP/1.1".into();
    let (answer, _) = edge.try_upgrade(&upgrade).await?;
    t.saw(answer.status.to_string());
    t.check(answer.status == 404, format!("{} instead of 404", answer.status))
}

//! TP-CX: the HSS's decisions (TS 29.228).

use ims::profile::PublicIdentity;
use sip::digest::{Algorithm, Ha1};

use crate::cx::assignment::{AUTHENTICATION_FAILURE, REGISTRATION, UNREGISTERED_USER, USER_DEREGISTRATION};
use crate::cx::{CxAsk, CxPush, CxReply};
use crate::lab::{Authentication, NewSubscriber, Setup};
use crate::purpose::purposes;
use crate::tester::{Core, Tester, profile};
use crate::verdict::Outcome;

purposes! {
    "CX-01" Hss Any Requirement "29.228 §6.1.1.1" {
        "Who may register: unknown, non-distinct and mismatched identities",
        "UAR for an unknown IMPI; for an identity out of a range; for another's IMPU" => "5001; 5001; 5002",
        test(uar_identities),
    }
    "CX-02" Hss Any Requirement "29.228 §6.1.1.1 step 4" {
        "A barred identity registers only beside one that is not",
        "UAR for a barred identity without and with an open sibling" => "AUTHORIZATION_REJECTED (base 5003); success",
        test(uar_barred),
    }
    "CX-03" Hss Any Requirement "29.228 §6.1.1.1 step 6" {
        "Who is not registered may leave only while being authenticated",
        "UAR DE_REGISTRATION before and after a MAR" => "5003; success",
        test(uar_leaving),
    }
    "CX-04" Hss Digest Requirement "29.228 §6.3.1 step 4" {
        "Unknown is a scheme for digest users only",
        "MAR Unknown for an AKA user; for a digest user" => "5006; success",
        test(mar_unknown),
    }
    "CX-05" Hss Any Requirement "29.228 §6.1.2.1 step 5" {
        "A second S-CSCF learns who the first is",
        given "a user registered at one S-CSCF",
        "SAR REGISTRATION of another" => "5005 with the name of the first",
        test(sar_second),
    }
    "CX-06" Hss Range Requirement "29.228 §6.1.2.1 step 4" {
        "A wildcard is never registered explicitly",
        "SAR REGISTRATION for a wildcarded identity, and for one in its range" => "5007 both times",
        test(sar_wildcard),
    }
    "CX-07" Hss Range Requirement "29.228 §6.1.2.1" {
        "Who asks for a guest without the key is told the key",
        given "a registered wildcard",
        "SAR UNREGISTERED_USER for an identity in it, without and with Wildcarded-Public-Identity"
            => "5007 with the wildcard; success with the profile",
        test(sar_key),
    }
    "CX-08" Hss Digest Requirement "29.228 §6.1.2.1" {
        "A failed authentication takes nothing away from who is registered",
        "SAR AUTHENTICATION_FAILURE after a MAR, while registered and while not" => "still registered; no S-CSCF name left",
        test(sar_failure),
    }
    "CX-09" Hss Any Requirement "29.228 §6.1.4.1" {
        "Where a user is served, by state, services and direction",
        "LIR for registered, unregistered with services, without, and with Originating-Request"
            => "success with the name; 2003 with capabilities; 5003; 2003",
        test(lir_matrix),
    }
    "CX-10" Hss Digest Requirement "29.228 Table 6.3.7" {
        "The HA1 of MD5 is always there",
        "MAR for a user with SHA-256 too" => "HA1s of MD5 and SHA-256",
        test(maa_algorithms),
    }
    "CX-11" Scscf Any Requirement "29.228 §6.2.1" {
        "User data that is too much, or not understood, is told apart",
        given "a registered user",
        "PPR with 1000 identities; whose default identity is not in it; with one identity" => "5008; 5009; success",
        test(ppr_documents),
    }
    "CX-12" Hss Any Requirement "29.228 §6.1.2.1" {
        "A shared identity stays registered for who is left",
        given "one IMPU of two IMPIs, both registered",
        "SAR USER_DEREGISTRATION of one, then of the other" => "still served; then 5003",
        test(shared_identity),
    }
    "CX-13" Hss Any Requirement "29.228 §6.1.1.1 step 6" {
        "The S-CSCF of a subscription is found again",
        "UAR before, while and after being registered" => "2001 with capabilities; 2002 with the name; 2001",
        test(uar_states),
    }
    "CX-14" Hss Any Requirement "29.228 §6.1.1.1 step 5" {
        "Roaming is checked for who comes, not for who leaves",
        "UAR REGISTRATION from a foreign network; DE_REGISTRATION from there" => "5004; not 5004",
        test(uar_roaming),
    }
    "CX-15" Hss Range Requirement "23.228 §4.3.3.2b, 29.228 §6.1.4.1" {
        "A distinct identity outranks the range around it",
        "LIR for an identity in a registered range, then for one that is provisioned by itself there"
            => "success with Wildcarded-Public-Identity; without",
        test(lir_distinct),
    }
    "CX-16" Hss Any Requirement "29.228 §6.3.1" {
        "Authentication data is for the right pair only",
        "MAR for an unknown IMPI; for another's IMPU; for an identity in a range" => "5001; 5002; 5001",
        test(mar_identities),
    }
    "CX-17" Hss Any Requirement "29.228 §6.1.4.1" {
        "An unknown identity is unknown",
        "LIR for an identity that nobody provisioned" => "5001",
        test(lir_unknown),
    }
    "CX-18" Hss Any Requirement "29.228 §6.1.2.1 step 3" {
        "One identity where one is allowed",
        "SAR REGISTRATION with two Public-Identities" => "AVP_OCCURS_TOO_MANY_TIMES (base 5009)",
        test(sar_many),
    }
    "CX-19" Hss Digest Requirement "29.228 §6.3.1 step 4" {
        "A scheme that the user has nothing for is refused",
        "MAR Digest-AKAv1-MD5 for a digest user" => "5006, and no authentication data",
        test(mar_other_scheme),
    }
    "CX-20" Hss Digest Requirement "29.228 §6.1.1.1 step 6" {
        "The S-CSCF that challenges gets the answer too",
        "MAR of an S-CSCF, then UAR" => "2002 with its name",
        test(uar_challenged),
    }
}

const S1: &str = "sip:scscf1.ims.example";
const S2: &str = "sip:scscf2.ims.example";

/// A user of the tests, and the questions about it.
struct User {
    impi: String,
    impu: String,
}

impl User {
    fn of(name: &str, home: &str) -> Self {
        Self { impi: format!("{name}-wic@{home}"), impu: format!("sip:{name}@{home}") }
    }

    fn uar(&self, kind: u32) -> CxAsk {
        let visited = self.impi.split('@').nth(1).unwrap_or_default().to_owned();
        CxAsk::Uar { impi: self.impi.clone(), impu: self.impu.clone(), kind, visited }
    }

    fn mar(&self, scheme: &str) -> CxAsk {
        CxAsk::Mar { impi: self.impi.clone(), impu: self.impu.clone(), scheme: scheme.into(), server: S1.into() }
    }

    fn sar(&self, kind: u32, server: &str) -> CxAsk {
        CxAsk::Sar {
            impi: Some(self.impi.clone()),
            impus: vec![self.impu.clone()],
            wildcard: None,
            kind,
            server: server.into(),
            has_data: false,
        }
    }

    fn lir(&self, originating: bool) -> CxAsk {
        CxAsk::Lir { impu: self.impu.clone(), originating }
    }
}

/// Asks, and checks the code; the whole answer.
async fn expect(t: &mut Tester, core: &mut Core, ask: CxAsk, code: u32, experimental: bool) -> Outcome<CxReply> {
    let question = format!("{ask:?}");
    let question: String = question.chars().take(100).collect();
    let reply = core.ask(ask).await?;
    t.saw(reply.text.clone());
    let got = (reply.code, reply.experimental);
    t.check(got == (code, experimental), format!("{} instead of {code} to {question}", reply.text))?;
    Ok(reply)
}

async fn provisioned(t: &mut Tester, change: impl FnOnce(&mut NewSubscriber)) -> Outcome<(Core, User)> {
    let mut core = t.core().await?;
    core.provision("hugo", change).await?;
    let user = User::of("hugo", &core.home);
    Ok((core, user))
}

async fn uar_identities(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let home = core.home.clone();
    let nobody = User { impi: format!("nobody@{home}"), ..User::of("hugo", &home) };
    expect(t, &mut core, nobody.uar(0), 5001, true).await?;
    let trunk = User { impi: format!("trunk@partner.{home}"), impu: format!("sip:guest-7@partner.{home}") };
    expect(t, &mut core, trunk.uar(0), 5001, true).await?;
    let mixed = User { impu: format!("sip:alice@{home}"), ..hugo };
    expect(t, &mut core, mixed.uar(0), 5002, true).await.map(drop)
}

async fn uar_barred(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |new| new.barred = new.impus.clone()).await?;
    expect(t, &mut core, hugo.uar(0), 5003, false).await?;
    let home = core.home.clone();
    core.provision("ida", |new| {
        new.barred = new.impus.clone();
        new.impus.push(format!("sip:ida-open@{home}"));
    })
    .await?;
    let ida = User::of("ida", &core.home);
    expect(t, &mut core, ida.uar(0), 2001, true).await.map(drop)
}

async fn uar_leaving(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    expect(t, &mut core, hugo.uar(1), 5003, true).await?;
    expect(t, &mut core, hugo.mar("SIP Digest"), 2001, false).await?;
    expect(t, &mut core, hugo.uar(1), 2001, false).await.map(drop)
}

async fn mar_unknown(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |new| new.authentication = Authentication::Aka).await?;
    expect(t, &mut core, hugo.mar("Unknown"), 5006, true).await?;
    core.provision("ida", |_| {}).await?;
    let ida = User::of("ida", &core.home);
    expect(t, &mut core, ida.mar("Unknown"), 2001, false).await.map(drop)
}

async fn mar_other_scheme(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let reply = expect(t, &mut core, hugo.mar("Digest-AKAv1-MD5"), 5006, true).await?;
    t.check(reply.digest.is_none(), "there is an HA1")
}

async fn uar_challenged(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    expect(t, &mut core, hugo.mar("SIP Digest"), 2001, false).await?;
    let reply = expect(t, &mut core, hugo.uar(0), 2002, true).await?;
    t.check(reply.server.as_deref() == Some(S1), format!("Server-Name is {:?}", reply.server))
}

async fn sar_second(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    expect(t, &mut core, hugo.sar(REGISTRATION, S1), 2001, false).await?;
    let reply = expect(t, &mut core, hugo.sar(REGISTRATION, S2), 5005, true).await?;
    t.check(reply.server.as_deref() == Some(S1), format!("Server-Name is {:?}", reply.server))
}

/// A range with its anchor; registered by configuration if wanted.
async fn ranged(t: &mut Tester, registered: bool) -> Outcome<(Core, User, String)> {
    let mut core = t.core().await?;
    let home = core.home.clone();
    let range = format!("sip:clerk-!.*!@{home}");
    let wildcard = range.clone();
    core.provision("pbx", |new| {
        new.impus.push(wildcard);
        new.authentication = Authentication::TrustedNode;
        new.registered_at = registered.then(|| S1.to_owned());
    })
    .await?;
    let user = User { impu: format!("sip:clerk-7@{home}"), ..User::of("pbx", &home) };
    Ok((core, user, range))
}

async fn sar_wildcard(t: &mut Tester) -> Outcome {
    let (mut core, clerk, range) = ranged(t, false).await?;
    expect(t, &mut core, clerk.sar(REGISTRATION, S1), 5007, true).await?;
    let itself = User { impu: range, ..clerk };
    expect(t, &mut core, itself.sar(REGISTRATION, S1), 5007, true).await.map(drop)
}

async fn sar_key(t: &mut Tester) -> Outcome {
    let (mut core, clerk, range) = ranged(t, true).await?;
    let ask = |wildcard: Option<String>| CxAsk::Sar {
        impi: None,
        impus: vec![clerk.impu.clone()],
        wildcard,
        kind: UNREGISTERED_USER,
        server: S1.into(),
        has_data: false,
    };
    let reply = expect(t, &mut core, ask(None), 5007, true).await?;
    t.check(reply.wildcard.as_deref() == Some(&range), format!("the wildcard is {:?}", reply.wildcard))?;
    let reply = expect(t, &mut core, ask(Some(range)), 2001, false).await?;
    t.check(reply.profile.is_some(), "there is no profile")
}

async fn sar_failure(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    expect(t, &mut core, hugo.mar("SIP Digest"), 2001, false).await?;
    expect(t, &mut core, hugo.sar(AUTHENTICATION_FAILURE, S1), 2001, false).await?;
    let reply = expect(t, &mut core, hugo.uar(0), 2001, true).await?;
    t.check(reply.server.is_none(), format!("Server-Name is still {:?}", reply.server))?;
    expect(t, &mut core, hugo.sar(REGISTRATION, S1), 2001, false).await?;
    expect(t, &mut core, hugo.mar("SIP Digest"), 2001, false).await?;
    expect(t, &mut core, hugo.sar(AUTHENTICATION_FAILURE, S1), 2001, false).await?;
    let reply = expect(t, &mut core, hugo.lir(false), 2001, false).await?;
    t.check(reply.server.as_deref() == Some(S1), "the user is registered no more")
}

async fn lir_matrix(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    expect(t, &mut core, hugo.lir(false), 5003, true).await?;
    let reply = expect(t, &mut core, hugo.lir(true), 2003, true).await?;
    t.check(reply.capabilities.is_some(), "there are no capabilities to choose an S-CSCF by")?;
    core.provision("ida", |new| new.unregistered_services = true).await?;
    let ida = User::of("ida", &core.home);
    expect(t, &mut core, ida.lir(false), 2003, true).await?;
    expect(t, &mut core, hugo.sar(REGISTRATION, S1), 2001, false).await?;
    for originating in [false, true] {
        let reply = expect(t, &mut core, hugo.lir(originating), 2001, false).await?;
        t.check(reply.server.as_deref() == Some(S1), format!("Server-Name is {:?}", reply.server))?;
    }
    Ok(())
}

async fn maa_algorithms(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let reply = expect(t, &mut core, hugo.mar("SIP Digest"), 2001, false).await?;
    let algorithms: Vec<Algorithm> = reply.digest.iter().flat_map(|d| &d.ha1).map(Ha1::algorithm).collect();
    t.saw(format!("{algorithms:?}"));
    t.check(algorithms.first() == Some(&Algorithm::Md5), "there is no HA1 of MD5")?;
    t.check(algorithms.contains(&Algorithm::Sha256), "there is no HA1 of SHA-256")
}

async fn ppr_documents(t: &mut Tester) -> Outcome {
    let mut scscf = t.scscf(Setup::new()).await?;
    let mut person = scscf.person();
    scscf.registered(&mut person).await?;
    let small = profile(&person)?;
    let mut large = small.clone();
    large.impus.extend(
        (1..1000).filter_map(|n| format!("sip:user{n}@ims.example").parse().ok()).map(PublicIdentity::distinct),
    );
    let mut stray = small.clone();
    stray.default = format!("sip:stranger@{}", scscf.home).parse().unwrap_or(stray.default);
    for (what, profile, code) in
        [("1000 identities", large, 5008), ("a stray default", stray, 5009), ("one", small, 2001)]
    {
        let ppr = CxPush::Ppr { impi: person.impi.clone(), profile: Some(profile), digest: None, allowed: None };
        let reply = scscf.hss.push(ppr).await?;
        t.saw(format!("{what}: {}", reply.text));
        t.check(reply.code == code, format!("{} instead of {code} to a profile of {what}", reply.text))?;
    }
    Ok(())
}

async fn shared_identity(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |new| {
        let second = new.impis[0].replace("hugo", "helga");
        new.impis.push(second);
    })
    .await?;
    let helga = User { impi: hugo.impi.replace("hugo", "helga"), impu: hugo.impu.clone() };
    for user in [&hugo, &helga] {
        expect(t, &mut core, user.sar(REGISTRATION, S1), 2001, false).await?;
    }
    expect(t, &mut core, hugo.sar(USER_DEREGISTRATION, S1), 2001, false).await?;
    expect(t, &mut core, helga.lir(false), 2001, false).await?;
    expect(t, &mut core, helga.sar(USER_DEREGISTRATION, S1), 2001, false).await?;
    expect(t, &mut core, helga.lir(false), 5003, true).await.map(drop)
}

async fn uar_states(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let reply = expect(t, &mut core, hugo.uar(0), 2001, true).await?;
    t.check(reply.capabilities.is_some() && reply.server.is_none(), "not capabilities alone")?;
    expect(t, &mut core, hugo.sar(REGISTRATION, S2), 2001, false).await?;
    let reply = expect(t, &mut core, hugo.uar(0), 2002, true).await?;
    t.check(reply.server.as_deref() == Some(S2), format!("Server-Name is {:?}", reply.server))?;
    expect(t, &mut core, hugo.sar(USER_DEREGISTRATION, S2), 2001, false).await?;
    expect(t, &mut core, hugo.uar(0), 2001, true).await.map(drop)
}

async fn uar_roaming(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let from_abroad = |kind| match hugo.uar(kind) {
        CxAsk::Uar { impi, impu, kind, .. } => CxAsk::Uar { impi, impu, kind, visited: "visited.example".into() },
        other => other,
    };
    expect(t, &mut core, from_abroad(0), 5004, true).await?;
    let reply = core.ask(from_abroad(1)).await?;
    t.saw(reply.text.clone());
    t.check(reply.code != 5004, "who leaves is asked where from")
}

async fn lir_distinct(t: &mut Tester) -> Outcome {
    let (mut core, clerk, range) = ranged(t, true).await?;
    let reply = expect(t, &mut core, clerk.lir(false), 2001, false).await?;
    t.check(reply.wildcard.as_deref() == Some(&range), format!("the wildcard is {:?}", reply.wildcard))?;
    core.provision("clerk-7", |new| new.registered_at = Some(S2.to_owned())).await?;
    let reply = expect(t, &mut core, clerk.lir(false), 2001, false).await?;
    t.check(reply.wildcard.is_none(), "the distinct identity is taken for one of the range")?;
    t.check(reply.server.as_deref() == Some(S2), format!("Server-Name is {:?}", reply.server))
}

async fn mar_identities(t: &mut Tester) -> Outcome {
    let (mut core, hugo) = provisioned(t, |_| {}).await?;
    let home = core.home.clone();
    let nobody = User { impi: format!("nobody@{home}"), impu: hugo.impu.clone() };
    expect(t, &mut core, nobody.mar("SIP Digest"), 5001, true).await?;
    let mixed = User { impi: hugo.impi.clone(), impu: format!("sip:alice@{home}") };
    expect(t, &mut core, mixed.mar("SIP Digest"), 5002, true).await?;
    let guest = User { impi: format!("trunk@partner.{home}"), impu: format!("sip:guest-7@partner.{home}") };
    expect(t, &mut core, guest.mar("SIP Digest"), 5001, true).await.map(drop)
}

async fn lir_unknown(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let nobody = User::of("nobody", &core.home);
    expect(t, &mut core, nobody.lir(false), 5001, true).await?;
    expect(t, &mut core, nobody.lir(true), 5001, true).await.map(drop)
}

async fn sar_many(t: &mut Tester) -> Outcome {
    let home = t.core().await?.home.clone();
    let second = format!("sip:hugo2@{home}");
    let also = second.clone();
    let (mut core, hugo) = provisioned(t, |new| new.impus.push(also)).await?;
    let many = match hugo.sar(REGISTRATION, S1) {
        CxAsk::Sar { impi, wildcard, kind, server, has_data, .. } => {
            CxAsk::Sar { impi, impus: vec![hugo.impu.clone(), second], wildcard, kind, server, has_data }
        }
        other => other,
    };
    expect(t, &mut core, many, 5009, false).await.map(drop)
}

//! Cx between the script, where it is text and numbers, and our nodes, where it is types.

use conformance::cx::{CxAsk, CxCapabilities, CxDigest, CxPush, CxReply};
use ims::profile::{Identity, ServiceProfile};
use ims::{Impi, Impu, WildcardedImpu};
use mock_ims::cx::{
    AllowedIdentities, AssignmentType, AuthScheme, AuthorizationType, CxAnswer, CxPushAnswer, CxRequest,
    DeregistrationReason, DigestAuthenticate, Lia, Lir, Maa, Mar, Ppr, ResultCode, Rtr, Saa, Sar, ServerCapabilities,
    ServerName, Uaa, Uar, UserData,
};
use sip::digest::{Algorithm, Ha1};

/// What the script asks our HSS.
pub(super) fn request(ask: CxAsk) -> Result<CxRequest, String> {
    Ok(match ask {
        CxAsk::Uar { impi, impu, kind, visited } => Uar {
            user_name: parse(&impi)?,
            public_identity: parse(&impu)?,
            visited_network: visited,
            authorization_type: match kind {
                0 => AuthorizationType::Registration,
                1 => AuthorizationType::DeRegistration,
                _ => AuthorizationType::RegistrationAndCapabilities,
            },
        }
        .into(),
        CxAsk::Mar { impi, impu, scheme, server: name } => {
            use AuthScheme::{DigestAka, EarlyIms, NassBundled, SipDigest, Unknown};
            let schemes = [Unknown, SipDigest, DigestAka, NassBundled, EarlyIms];
            let scheme = schemes.into_iter().find(|known| known.as_str() == scheme).ok_or("no such scheme")?;
            Mar { user_name: parse(&impi)?, public_identity: parse(&impu)?, scheme, server_name: server(&name)? }.into()
        }
        CxAsk::Sar { impi, impus, wildcard, kind, server: name, has_data } => Sar {
            user_name: impi.map(|impi| parse(&impi)).transpose()?,
            public_identities: impus.iter().map(|impu| identity(impu)).collect::<Result<_, _>>()?,
            wildcarded: wildcard.map(|wildcard| parse(&wildcard)).transpose()?,
            server_name: server(&name)?,
            assignment_type: AssignmentType::ALL.into_iter().find(|t| t.code() == kind).ok_or("no such type")?,
            user_data_already_available: has_data,
        }
        .into(),
        CxAsk::Lir { impu, originating } => {
            Lir { public_identity: parse(&impu)?, originating, capabilities_only: false }.into()
        }
    })
}

/// What our HSS answers.
pub(super) fn reply(answer: &CxAnswer) -> CxReply {
    let reply = coded(answer.result(), answer.to_string());
    let name = |server: &Option<ServerName>| server.as_ref().map(ToString::to_string);
    let range = |range: &Option<WildcardedImpu>| range.as_ref().map(ToString::to_string);
    let can = |capabilities: &Option<ServerCapabilities>| {
        capabilities.as_ref().map(|wanted| CxCapabilities {
            mandatory: wanted.mandatory.clone(),
            optional: wanted.optional.clone(),
            servers: wanted.server_names.iter().map(ToString::to_string).collect(),
        })
    };
    match answer {
        CxAnswer::Uaa(uaa) => CxReply { server: name(&uaa.server_name), capabilities: can(&uaa.capabilities), ..reply },
        CxAnswer::Maa(maa) => CxReply {
            digest: maa.auth.as_ref().map(|auth| CxDigest {
                realm: auth.realm.clone(),
                ha1: [Some(&auth.ha1), auth.alternate.as_ref()].into_iter().flatten().cloned().collect(),
            }),
            ..reply
        },
        CxAnswer::Saa(saa) => CxReply {
            server: name(&saa.server_name),
            wildcard: range(&saa.wildcarded),
            profile: saa.user_data.as_ref().map(|data| data.profile.clone()),
            ..reply
        },
        CxAnswer::Lia(lia) => CxReply {
            server: name(&lia.server_name),
            capabilities: can(&lia.capabilities),
            wildcard: range(&lia.wildcarded),
            ..reply
        },
    }
}

/// What one of our CSCFs asks the script.
pub(super) fn asked(request: &CxRequest) -> CxAsk {
    match request {
        CxRequest::Uar(uar) => CxAsk::Uar {
            impi: uar.user_name.to_string(),
            impu: uar.public_identity.to_string(),
            kind: match uar.authorization_type {
                AuthorizationType::Registration => 0,
                AuthorizationType::DeRegistration => 1,
                AuthorizationType::RegistrationAndCapabilities => 2,
            },
            visited: uar.visited_network.clone(),
        },
        CxRequest::Mar(mar) => CxAsk::Mar {
            impi: mar.user_name.to_string(),
            impu: mar.public_identity.to_string(),
            scheme: mar.scheme.as_str().to_owned(),
            server: mar.server_name.to_string(),
        },
        CxRequest::Sar(sar) => CxAsk::Sar {
            impi: sar.user_name.as_ref().map(ToString::to_string),
            impus: sar.public_identities.iter().map(ToString::to_string).collect(),
            wildcard: sar.wildcarded.as_ref().map(ToString::to_string),
            kind: sar.assignment_type.code(),
            server: sar.server_name.to_string(),
            has_data: sar.user_data_already_available,
        },
        CxRequest::Lir(lir) => CxAsk::Lir { impu: lir.public_identity.to_string(), originating: lir.originating },
    }
}

/// What the script answers, in the command of its request.
pub(super) fn answer(request: &CxRequest, reply: CxReply) -> Result<CxAnswer, String> {
    let no_code = || format!("{} is no result code", reply.text);
    let result = ResultCode::of(reply.code, reply.experimental).ok_or_else(no_code)?;
    let server_name = reply.server.as_deref().map(server).transpose()?;
    let wildcarded: Option<WildcardedImpu> = reply.wildcard.as_deref().map(parse).transpose()?;
    let capabilities = reply.capabilities.map(capabilities).transpose()?;
    Ok(match request {
        CxRequest::Uar(_) => Uaa { result, server_name, capabilities }.into(),
        CxRequest::Mar(_) => Maa { result, auth: reply.digest.map(authenticate).transpose()? }.into(),
        CxRequest::Sar(sar) => {
            let data = |profile| user_data(sar.user_name.as_ref(), profile);
            let user_data = reply.profile.map(data).transpose()?;
            Saa { result, server_name, user_data, associated: Vec::new(), wildcarded }.into()
        }
        CxRequest::Lir(_) => Lia { result, server_name, capabilities, wildcarded }.into(),
    })
}

/// What the script tells our S-CSCF.
pub(super) fn push(push: CxPush) -> Result<mock_ims::cx::CxPush, String> {
    Ok(match push {
        CxPush::Rtr { impi, impus, reason } => Rtr {
            user_name: parse(&impi)?,
            associated: Vec::new(),
            public_identities: impus.iter().map(|impu| parse(impu)).collect::<Result<_, _>>()?,
            reason: DeregistrationReason::ALL.into_iter().find(|r| r.code() == reason).ok_or("no such reason")?,
            info: String::new(),
        }
        .into(),
        CxPush::Ppr { impi, profile, digest, allowed } => {
            let impi: Impi = parse(&impi)?;
            let user_data = profile.map(|profile| user_data(Some(&impi), profile)).transpose()?;
            let auth = digest.map(authenticate).transpose()?;
            let allowed = allowed.map(|(wafs, wwsfs)| AllowedIdentities { wafs, wwsfs });
            Ppr { user_name: impi, user_data, auth, allowed }.into()
        }
    })
}

/// What our S-CSCF says to it.
pub(super) fn pushed(answer: &CxPushAnswer) -> CxReply {
    let result = answer.result();
    coded(result, result.to_string())
}

pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e| format!("{text}: {e}"))
}

pub(super) fn server(text: &str) -> Result<ServerName, String> {
    ServerName::parse(text).map_err(|e| format!("{text}: {e}"))
}

pub(super) fn identity(text: &str) -> Result<Identity, String> {
    match text.contains('!') {
        true => Ok(Identity::Wildcard(parse::<WildcardedImpu>(text)?)),
        false => Ok(Identity::Distinct(parse::<Impu>(text)?)),
    }
}

fn coded(result: ResultCode, text: String) -> CxReply {
    CxReply { code: result.code(), experimental: result.is_experimental(), text, ..CxReply::default() }
}

fn capabilities(wanted: CxCapabilities) -> Result<ServerCapabilities, String> {
    let server_names = wanted.servers.iter().map(|name| server(name)).collect::<Result<_, _>>()?;
    Ok(ServerCapabilities { mandatory: wanted.mandatory, optional: wanted.optional, server_names })
}

fn authenticate(digest: CxDigest) -> Result<DigestAuthenticate, String> {
    let of = |algorithm| digest.ha1.iter().find(|ha1: &&Ha1| ha1.algorithm() == algorithm).cloned();
    let ha1 = of(Algorithm::Md5).ok_or("there is no HA1 of MD5")?;
    Ok(DigestAuthenticate { realm: digest.realm.clone(), ha1, alternate: of(Algorithm::Sha256) })
}

/// A document for a user; without User-Name it is that of a range, where nobody looks at the name.
fn user_data(impi: Option<&Impi>, profile: ServiceProfile) -> Result<UserData, String> {
    let impi = match impi {
        Some(impi) => impi.clone(),
        None => profile.default.to_impi_default().map_err(|e| e.to_string())?,
    };
    Ok(UserData { impi, profile })
}

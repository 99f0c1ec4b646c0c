//! The Cx interface as types (TS 29.228, TS 29.229).
//!
//! Requests, answers and pushes are plain values with the names and codes of
//! the Diameter application, so that Diameter can be put under them without a
//! change above. Each has a `Display` of one line for traces; neither that nor
//! the serialised form shows an HA1.

mod client;
mod credentials;
mod push;
mod result;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use client::{
    AssignmentType, AuthScheme, AuthorizationType, Lia, Lir, Maa, Mar, Saa, Sar, ServerCapabilities, Uaa, Uar, UserData,
};
pub use credentials::DigestAuthenticate;
pub use push::{AllowedIdentities, Capacity, DeregistrationReason, Ppa, Ppr, Rta, Rtr};
pub use result::ResultCode;

/// What an I-CSCF or S-CSCF asks the HSS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CxRequest {
    /// User-Authorization-Request.
    Uar(Uar),
    /// Multimedia-Auth-Request.
    Mar(Mar),
    /// Server-Assignment-Request.
    Sar(Sar),
    /// Location-Info-Request.
    Lir(Lir),
}

/// What the HSS answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CxAnswer {
    /// User-Authorization-Answer.
    Uaa(Uaa),
    /// Multimedia-Auth-Answer.
    Maa(Maa),
    /// Server-Assignment-Answer.
    Saa(Saa),
    /// Location-Info-Answer.
    Lia(Lia),
}

/// What the HSS tells an S-CSCF unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CxPush {
    /// Registration-Termination-Request.
    Rtr(Rtr),
    /// Push-Profile-Request.
    Ppr(Ppr),
}

/// What an S-CSCF answers to a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CxPushAnswer {
    /// Registration-Termination-Answer.
    Rta(Rta),
    /// Push-Profile-Answer.
    Ppa(Ppa),
}

impl CxRequest {
    /// Diameter command code (TS 29.229 §6.1).
    pub fn command_code(&self) -> u32 {
        match self {
            Self::Uar(_) => 300,
            Self::Sar(_) => 301,
            Self::Lir(_) => 302,
            Self::Mar(_) => 303,
        }
    }

    /// The answer of the same command that says only how it ended.
    pub fn failed(&self, result: ResultCode) -> CxAnswer {
        match self {
            Self::Uar(_) => CxAnswer::Uaa(Uaa::of(result)),
            Self::Mar(_) => CxAnswer::Maa(Maa::of(result)),
            Self::Sar(_) => CxAnswer::Saa(Saa::of(result)),
            Self::Lir(_) => CxAnswer::Lia(Lia::of(result)),
        }
    }
}

impl CxAnswer {
    /// How the command ended.
    pub fn result(&self) -> ResultCode {
        match self {
            Self::Uaa(answer) => answer.result,
            Self::Maa(answer) => answer.result,
            Self::Saa(answer) => answer.result,
            Self::Lia(answer) => answer.result,
        }
    }
}

impl CxPush {
    /// Diameter command code (TS 29.229 §6.1).
    pub fn command_code(&self) -> u32 {
        match self {
            Self::Rtr(_) => 304,
            Self::Ppr(_) => 305,
        }
    }
}

impl CxPushAnswer {
    /// How the push ended.
    pub fn result(&self) -> ResultCode {
        match self {
            Self::Rta(answer) => answer.result,
            Self::Ppa(answer) => answer.result,
        }
    }
}

macro_rules! display_inner {
    ($name:ident: $($variant:ident),+) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(message) => message.fmt(f),)+
                }
            }
        }
    };
}

display_inner!(CxRequest: Uar, Mar, Sar, Lir);
display_inner!(CxAnswer: Uaa, Maa, Saa, Lia);
display_inner!(CxPush: Rtr, Ppr);
display_inner!(CxPushAnswer: Rta, Ppa);

macro_rules! from_inner {
    ($($name:ident::$variant:ident($inner:ty)),+ $(,)?) => {
        $(impl From<$inner> for $name {
            fn from(message: $inner) -> Self {
                Self::$variant(message)
            }
        })+
    };
}

from_inner!(
    CxRequest::Uar(Uar),
    CxRequest::Mar(Mar),
    CxRequest::Sar(Sar),
    CxRequest::Lir(Lir),
    CxAnswer::Uaa(Uaa),
    CxAnswer::Maa(Maa),
    CxAnswer::Saa(Saa),
    CxAnswer::Lia(Lia),
    CxPush::Rtr(Rtr),
    CxPush::Ppr(Ppr),
    CxPushAnswer::Rta(Rta),
    CxPushAnswer::Ppa(Ppa),
);

/// The SIP URI of an S-CSCF (Server-Name, TS 29.229 §6.3.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl ServerName {
    /// Reads a `sip:` URI of a host, with a port and parameters if need be.
    pub fn parse(text: &str) -> Result<Self, ServerNameError> {
        let host = text.strip_prefix("sip:").ok_or(ServerNameError)?;
        let plain = host.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"@,?".contains(&b));
        let starts = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        if !plain || !starts || text.len() > 256 {
            return Err(ServerNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ServerName {
    type Error = ServerNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0
    }
}

/// The text is not the SIP URI of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an S-CSCF name is a sip: URI without a user part (TS 29.229 §6.3.3)")]
pub struct ServerNameError;

/// ` name=value` for each value that is there.
fn field(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {name}={value}"),
        None => Ok(()),
    }
}

/// ` name=a,b` when there is at least one.
fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        match index {
            0 => write!(f, " {name}={item}")?,
            _ => write!(f, ",{item}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ims::profile::{Identity, ServiceProfile};
    use ims::{Impi, Impu};

    use super::*;

    fn impi() -> Impi {
        Impi::parse("alice-wic@ims.example").unwrap()
    }

    fn impu() -> Impu {
        Impu::parse("sip:alice@ims.example").unwrap()
    }

    fn server() -> ServerName {
        ServerName::parse("sip:scscf1.ims.example").unwrap()
    }

    #[test]
    fn a_request_is_one_line_for_people() {
        let uar = CxRequest::from(Uar {
            user_name: impi(),
            public_identity: impu(),
            visited_network: "ims.example".into(),
            authorization_type: AuthorizationType::Registration,
        });
        assert_eq!(
            uar.to_string(),
            "UAR REGISTRATION impi=alice-wic@ims.example impu=sip:alice@ims.example visited=ims.example"
        );
        let sar = CxRequest::from(Sar {
            user_name: Some(impi()),
            public_identities: vec![Identity::Distinct(impu())],
            wildcarded: None,
            server_name: server(),
            assignment_type: AssignmentType::Registration,
            user_data_already_available: false,
        });
        assert_eq!(
            sar.to_string(),
            "SAR REGISTRATION impi=alice-wic@ims.example impu=sip:alice@ims.example server=sip:scscf1.ims.example"
        );
    }

    #[test]
    fn no_form_that_a_trace_keeps_shows_an_ha1() {
        let auth = DigestAuthenticate::of_password(&impi(), "ims.example", &"secret".into());
        let alternate = auth.alternate.as_ref().unwrap();
        let hidden = [auth.ha1.expose().to_owned(), alternate.expose().to_owned()];
        let maa = CxAnswer::from(Maa { auth: Some(auth.clone()), ..Maa::of(ResultCode::Success) });
        let ppr = CxPush::from(Ppr {
            user_name: impi(),
            user_data: Some(UserData { impi: impi(), profile: ServiceProfile::of(impu()) }),
            auth: Some(auth),
            allowed: None,
        });
        let shown = [
            maa.to_string(),
            format!("{maa:?}"),
            serde_json::to_string(&maa).unwrap(),
            ppr.to_string(),
            format!("{ppr:?}"),
            serde_json::to_string(&ppr).unwrap(),
        ];
        for text in shown {
            assert!(hidden.iter().all(|ha1| !text.contains(ha1)), "{text}");
        }
    }

    #[test]
    fn a_failure_answers_in_the_command_of_its_request() {
        let lir = CxRequest::from(Lir { public_identity: impu(), originating: false, capabilities_only: false });
        let lia = lir.failed(ResultCode::UnableToComply);
        assert!(matches!(lia, CxAnswer::Lia(_)));
        assert_eq!(lia.to_string(), "LIA DIAMETER_UNABLE_TO_COMPLY (5012)");
    }

    #[test]
    fn a_server_name_is_a_uri_without_a_user() {
        for text in ["sip:scscf1.ims.example", "sip:127.0.0.1:5080", "sip:[::1]:5080;transport=tcp"] {
            assert_eq!(ServerName::parse(text).unwrap().as_str(), text);
        }
        for text in ["scscf1.ims.example", "sip:", "sip:a@b", "sip:a b", "sip:a\r\nX: y", "sips:a"] {
            assert_eq!(ServerName::parse(text), Err(ServerNameError), "{text:?}");
        }
    }
}

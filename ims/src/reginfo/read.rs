use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use super::{ContactEvent, GRUU_NAMESPACE, NAMESPACE, RegContact, RegInfo, RegState, Registration, WILDCARD_NAMESPACE};

/// Longest document that is read, in octets.
const MAX_OCTETS: usize = 256 * 1024;
/// Most registrations, and most contacts of one, that are read.
const MAX_ITEMS: usize = 1024;
/// Elements within elements; the schema needs four.
const MAX_DEPTH: usize = 16;

/// Why a document can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegInfoError {
    /// Too long, too deep, or with too many elements.
    #[error("the reginfo document is too large")]
    TooLarge,
    /// Not XML.
    #[error("not XML: {0}")]
    Xml(String),
    /// XML, but not as RFC 3680 §5.2 has it.
    #[error("{0} (RFC 3680 §5)")]
    Schema(&'static str),
}

impl RegInfo {
    /// Reads a document. Elements and attributes that are not known are passed over (RFC 3680 §5.2
    /// lets others extend it).
    ///
    /// # Errors
    /// [`RegInfoError`]
    pub fn parse(xml: &str) -> Result<Self, RegInfoError> {
        if xml.len() > MAX_OCTETS {
            return Err(RegInfoError::TooLarge);
        }
        let mut reader = NsReader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        let mut document = Document::default();
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(bad_xml)?;
            let namespace = match namespace {
                ResolveResult::Bound(Namespace(name)) => Some(name.to_owned()),
                _ => None,
            };
            match event {
                Event::Start(start) => {
                    let name = start.local_name();
                    document.open(namespace.as_deref().unwrap_or_default(), name.as_ref(), &start)?;
                }
                Event::End(_) => document.close(),
                Event::Text(text) => document.text(&text.xml10_content()),
                Event::CData(data) => document.text(&data.xml10_content()),
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().map_err(bad_xml)? {
                        Some(char) => char.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&reference)
                            .ok_or(RegInfoError::Schema("an entity is not defined"))?
                            .to_owned(),
                    };
                    document.text(&resolved);
                }
                // A document type could define entities, for which there is no use here.
                Event::DocType(_) => return Err(RegInfoError::Schema("a document type is not allowed")),
                Event::Eof => break,
                _ => {}
            }
        }
        match document.info {
            Some(info) if document.open.is_empty() => Ok(info),
            Some(_) => Err(RegInfoError::Xml("it ends too early".into())),
            None => Err(RegInfoError::Schema("there is no reginfo")),
        }
    }
}

fn bad_xml(error: impl std::fmt::Display) -> RegInfoError {
    RegInfoError::Xml(error.to_string())
}

/// What has been read so far.
#[derive(Default)]
struct Document {
    info: Option<RegInfo>,
    /// The elements that are open, outermost first.
    open: Vec<Element>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    RegInfo,
    Registration,
    Contact,
    Uri,
    Param,
    Wildcarded,
    /// One that is passed over, with all in it.
    Other,
}

impl Document {
    fn open(&mut self, namespace: &str, name: &str, start: &BytesStart<'_>) -> Result<(), RegInfoError> {
        use Element::{Contact, Other, Param, RegInfo as Root, Registration as Reg, Uri, Wildcarded};
        if self.open.len() >= MAX_DEPTH {
            return Err(RegInfoError::TooLarge);
        }
        let ours = namespace == NAMESPACE;
        let element = match (self.open.last(), name) {
            (None, "reginfo") if ours && self.info.is_none() => Root,
            (None, _) => return Err(RegInfoError::Schema("the root is not one reginfo")),
            (Some(Root), "registration") if ours => Reg,
            (Some(Reg), "contact") if ours => Contact,
            (Some(Contact), "uri") if ours => Uri,
            (Some(Contact), "unknown-param") if ours => Param,
            (Some(Reg), "wildcardedIdentity") if namespace == WILDCARD_NAMESPACE => Wildcarded,
            _ => Other,
        };
        let attribute = |name: &str| -> Result<Option<String>, RegInfoError> {
            let found = start.try_get_attribute(name).map_err(bad_xml)?;
            let read = |a: quick_xml::events::attributes::Attribute<'_>| {
                Ok(quick_xml::escape::unescape(&a.value).map_err(bad_xml)?.into_owned())
            };
            found.map(read).transpose()
        };
        match element {
            Root => self.info = Some(root(attribute)?),
            Reg => push(self.info.as_mut().map(|info| &mut info.registrations), registration(attribute)?)?,
            Contact => push(self.registration().map(|r| &mut r.contacts), contact(attribute)?)?,
            Param => {
                let name = attribute("name")?.ok_or(RegInfoError::Schema("an unknown-param has no name"))?;
                push(self.contact().map(|c| &mut c.params), (name, String::new()))?;
            }
            Wildcarded => {
                if let Some(registration) = self.registration() {
                    registration.wildcarded = Some(String::new());
                }
            }
            Other if self.open.last() == Some(&Contact) && namespace == GRUU_NAMESPACE => {
                let uri = attribute("uri")?;
                if let Some(contact) = self.contact() {
                    match name {
                        "pub-gruu" => contact.pub_gruu = uri,
                        "temp-gruu" => contact.temp_gruu = uri,
                        _ => {}
                    }
                }
            }
            Uri | Other => {}
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Element::Uri) => {
                if let Some(contact) = self.contact() {
                    contact.uri = contact.uri.trim().to_owned();
                }
            }
            Some(Element::Wildcarded) => {
                if let Some(range) = self.registration().and_then(|r| r.wildcarded.as_mut()) {
                    *range = range.trim().to_owned();
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let into = match self.open.last() {
            Some(Element::Uri) => self.contact().map(|contact| &mut contact.uri),
            Some(Element::Param) => self.contact().and_then(|c| c.params.last_mut()).map(|(_, value)| value),
            Some(Element::Wildcarded) => self.registration().and_then(|r| r.wildcarded.as_mut()),
            _ => None,
        };
        if let Some(into) = into {
            into.push_str(text);
        }
    }

    fn registration(&mut self) -> Option<&mut Registration> {
        self.info.as_mut()?.registrations.last_mut()
    }

    fn contact(&mut self) -> Option<&mut RegContact> {
        self.registration()?.contacts.last_mut()
    }
}

fn push<T>(list: Option<&mut Vec<T>>, item: T) -> Result<(), RegInfoError> {
    match list {
        Some(list) if list.len() < MAX_ITEMS => {
            list.push(item);
            Ok(())
        }
        _ => Err(RegInfoError::TooLarge),
    }
}

type Attribute = Result<Option<String>, RegInfoError>;

fn root(attribute: impl Fn(&str) -> Attribute) -> Result<RegInfo, RegInfoError> {
    let version = attribute("version")?.and_then(|version| version.trim().parse().ok());
    let full = match attribute("state")?.as_deref() {
        Some("full") => true,
        Some("partial") => false,
        _ => return Err(RegInfoError::Schema("the state of reginfo is neither full nor partial")),
    };
    let version = version.ok_or(RegInfoError::Schema("reginfo has no version"))?;
    Ok(RegInfo { version, full, registrations: Vec::new() })
}

fn registration(attribute: impl Fn(&str) -> Attribute) -> Result<Registration, RegInfoError> {
    let state = attribute("state")?.and_then(|word| RegState::of(&word));
    Ok(Registration {
        aor: attribute("aor")?.ok_or(RegInfoError::Schema("a registration has no aor"))?,
        id: attribute("id")?.ok_or(RegInfoError::Schema("a registration has no id"))?,
        state: state.ok_or(RegInfoError::Schema("a registration has no state that is known"))?,
        wildcarded: None,
        contacts: Vec::new(),
    })
}

fn contact(attribute: impl Fn(&str) -> Attribute) -> Result<RegContact, RegInfoError> {
    let event = attribute("event")?.and_then(|word| ContactEvent::of(&word));
    let active = match attribute("state")?.as_deref() {
        Some("active") => true,
        Some("terminated") => false,
        _ => return Err(RegInfoError::Schema("a contact is neither active nor terminated")),
    };
    let id = attribute("id")?.ok_or(RegInfoError::Schema("a contact has no id"))?;
    let event = event.ok_or(RegInfoError::Schema("a contact has no event that is known"))?;
    let number = |name: &str| Ok(attribute(name)?.and_then(|text| text.trim().parse().ok()));
    Ok(RegContact {
        active,
        expires: number("expires")?,
        retry_after: number("retry-after")?,
        call_id: attribute("callid")?,
        cseq: number("cseq")?,
        q: attribute("q")?,
        ..RegContact::active(id, event, String::new())
    })
}

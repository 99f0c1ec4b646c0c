//! Calls and messages (TS 23.228 X.2.2). The source text does not number these steps; the numbers
//! are ours.

use super::super::course::{Client, Course};
use super::{Lesson, Step, goes, is_answer, method};
use trace::{Leg, Procedure, Record};

/// Alice calls Bob; what happens on her side.
pub(super) const ORIGINATION: Lesson = Lesson {
    id: "origination",
    title: "Origination: a call goes out",
    about: "One registered user calls another, and the caller's half of the network does its part. \
            Everything between WIC and S-CSCF passes the eP-CSCF.",
    clause: "TS 23.228 X.2.2",
    course: Course::Call(Client::Web("alice"), Client::Digest("bob")),
    steps: &[
        Step {
            number: "1",
            title: "The WIC calls",
            text: "The INVITE takes the Service-Route that came with the registration, over the WebSocket that the \
                   registration is bound to. \
                   The WIC may prefer one of its identities; what it writes into From is believed by nobody.",
            clause: "TS 23.228 X.2.2, TS 33.203 O.2.3, TS 24.371 §7.2.1",
            shows: |record| starts(record, "INVITE") && goes(record, "wic", "epcscf"),
        },
        Step {
            number: "2",
            title: "The eP-CSCF vouches for the caller",
            text: "It checks the route, takes out what only the network may say, and asserts an identity that is \
                   registered on this connection. \
                   It puts itself into Record-Route twice, once for each side, so that the whole dialog passes it.",
            clause: "TS 24.229 §5.2.6.3, RFC 3325 §5, RFC 7118 §8.2",
            shows: |record| starts(record, "INVITE") && goes(record, "epcscf", "scscf"),
        },
        Step {
            number: "3",
            title: "The S-CSCF serves the caller",
            text: "It takes the caller from P-Asserted-Identity and looks whether that user may call. \
                   The callee is of its own domain, so the I-CSCF is asked next.",
            clause: "TS 24.229 §5.4.3.2",
            shows: |record| starts(record, "INVITE") && goes(record, "scscf", "icscf"),
        },
        Step {
            number: "4",
            title: "It rings",
            text: "180 comes back hop by hop along the Via headers that the INVITE gathered. \
                   What was asked and routed on the callee's side meanwhile is the lesson on termination.",
            clause: "RFC 3261 §16.7",
            shows: |record| is_answer(record, "INVITE", 180) && half(record, Procedure::Origination),
        },
        Step {
            number: "5",
            title: "It is answered",
            text: "The 200 brings the answer to the offer, and the Record-Route list that becomes the dialog's route \
                   set. \
                   From here on the two browsers can exchange media.",
            clause: "RFC 3261 §12.1.2, RFC 3264 §6",
            shows: |record| is_answer(record, "INVITE", 200) && half(record, Procedure::Origination),
        },
        Step {
            number: "6",
            title: "ACK",
            text: "The ACK of a 200 is a request of its own that follows the route set, without the I-CSCF, which had \
                   not asked to stay. \
                   Nobody answers it.",
            clause: "RFC 3261 §13.2.2.4",
            shows: |record| starts(record, "ACK") && half(record, Procedure::Dialog),
        },
        Step {
            number: "7",
            title: "BYE",
            text: "Either side may end the dialog; BYE takes the same way as ACK. \
                   The eP-CSCF finds the dialog by Call-ID and tags, and takes the BYE from no connection but the one \
                   that owns it.",
            clause: "RFC 3261 §15.1, TS 23.228 X.2.2",
            shows: |record| method(record) == Some("BYE"),
        },
    ],
};

/// Alice calls Bob; what happens on his side.
pub(super) const TERMINATION: Lesson = Lesson {
    id: "termination",
    title: "Termination: a call comes in",
    about: "The same call on the callee's half, from the question who serves the callee to the right WebSocket.",
    clause: "TS 23.228 X.2.2",
    course: Course::Call(Client::Web("alice"), Client::Digest("bob")),
    steps: &[
        Step {
            number: "1",
            title: "Who serves the callee?",
            text: "The I-CSCF asks the HSS where the callee is registered (LIR), and the answer names the S-CSCF. \
                   For an identity that nobody has the caller would get 404, for one that is not registered 480.",
            clause: "TS 29.228 §6.1.4, TS 24.229 §5.3.2",
            shows: is_location_query,
        },
        Step {
            number: "2",
            title: "To the callee's S-CSCF",
            text: "The I-CSCF puts that S-CSCF into Route and passes the INVITE on. \
                   It does not put itself into Record-Route: the rest of the dialog goes without it.",
            clause: "TS 24.229 §5.3.2",
            shows: |record| starts(record, "INVITE") && goes(record, "icscf", "scscf"),
        },
        Step {
            number: "3",
            title: "To the registered contact",
            text: "The S-CSCF puts the registered Contact in the place of the Request-URI and keeps the identity that \
                   was called in P-Called-Party-ID. \
                   It routes along the Path of the registration; topmost in that is the eP-CSCF's flow token.",
            clause: "TS 24.229 §5.4.3.3, RFC 3327 §5, RFC 7315 §4.2",
            shows: |record| starts(record, "INVITE") && goes(record, "scscf", "epcscf"),
        },
        Step {
            number: "4",
            title: "Down the right WebSocket",
            text: "The flow token names the connection, and its MAC shows that the eP-CSCF itself made it. \
                   What is for the core alone is taken out, and nobody looks the Contact's .invalid host up.",
            clause: "RFC 5626 §5.3, RFC 7118 §5, TS 23.228 X.2.2",
            shows: |record| starts(record, "INVITE") && goes(record, "epcscf", "wic"),
        },
        Step {
            number: "5",
            title: "The callee's WIC rings",
            text: "180 goes back the way that the INVITE came, because each node on it left its Via there. \
                   What the WIC says of its own identity is taken out; the eP-CSCF asserts the identity that was \
                   called.",
            clause: "RFC 3261 §16.7, RFC 3325 §5",
            shows: |record| is_answer(record, "INVITE", 180) && half(record, Procedure::Termination),
        },
        Step {
            number: "6",
            title: "The callee answers",
            text: "The 200 carries the answer to the caller's offer. \
                   The callee's route set is the Record-Route list as it stood in the INVITE that reached it.",
            clause: "RFC 3261 §12.1.1, RFC 3264 §6",
            shows: |record| is_answer(record, "INVITE", 200) && half(record, Procedure::Termination),
        },
        Step {
            number: "7",
            title: "The dialog",
            text: "ACK and BYE follow the route set: eP-CSCF, S-CSCF for either side, eP-CSCF again. \
                   They find the callee's connection by the dialog that the eP-CSCF has kept.",
            clause: "RFC 3261 §12.2, §15.1, TS 23.228 X.2.2",
            shows: |record| matches!(method(record), Some("ACK" | "BYE")) && half(record, Procedure::Dialog),
        },
    ],
};

/// Alice writes to a guest of the partner.
pub(super) const MESSAGE: Lesson = Lesson {
    id: "message",
    title: "A message to somebody in a wildcard range",
    about: "A subscriber writes to a guest of the partner. \
            No registration in the core has the guest's identity, only that of the whole range.",
    clause: "TS 23.228 X.2.2",
    course: Course::Message(Client::Web("alice"), Client::Guest),
    steps: &[
        Step {
            number: "1",
            title: "The WIC writes",
            text: "A MESSAGE stands alone: it makes no dialog, and has neither Contact nor Record-Route. \
                   Else it goes like an INVITE, along the Service-Route of the registration.",
            clause: "RFC 3428 §5, TS 23.228 X.2.2",
            shows: |record| starts(record, "MESSAGE") && goes(record, "wic", "epcscf"),
        },
        Step {
            number: "2",
            title: "The eP-CSCF vouches for the sender",
            text: "It asserts an identity that is registered on the connection and gives the request an identifier \
                   for charging. \
                   The token that the WIC sends with every request stays behind.",
            clause: "TS 24.229 §5.2.6.3, TS 24.371 §7.2.1",
            shows: |record| starts(record, "MESSAGE") && goes(record, "epcscf", "scscf"),
        },
        Step {
            number: "3",
            title: "The S-CSCF serves the sender",
            text: "The recipient's domain is served here as well, so the I-CSCF comes next. \
                   That the recipient is a guest is nothing the sender's side needs to know.",
            clause: "TS 24.229 §5.4.3.2",
            shows: |record| starts(record, "MESSAGE") && goes(record, "scscf", "icscf"),
        },
        Step {
            number: "4",
            title: "The HSS finds the range",
            text: "No distinct identity of this name is provisioned, so the wildcard counts that it falls in. \
                   The answer to the LIR names the S-CSCF of the range, and the wildcard itself.",
            clause: "TS 29.228 §6.1.4, TS 23.228 §4.3.3.2b",
            shows: is_location_query,
        },
        Step {
            number: "5",
            title: "P-Profile-Key",
            text: "The I-CSCF passes the wildcard on in P-Profile-Key. \
                   It tells the S-CSCF, which does not match patterns itself, whose profile applies.",
            clause: "RFC 5002 §5, TS 29.228 §6.1.2.1",
            shows: |record| starts(record, "MESSAGE") && goes(record, "icscf", "scscf"),
        },
        Step {
            number: "6",
            title: "Loose routing to the eP-CSCF",
            text: "The range is registered with the eP-CSCF as its contact, without a flow token. \
                   Because its profile asks for loose routing, the guest's identity stays in the Request-URI.",
            clause: "TS 23.228 X.2.1.4, X.2.2",
            shows: |record| starts(record, "MESSAGE") && goes(record, "scscf", "epcscf"),
        },
        Step {
            number: "7",
            title: "The eP-CSCF finds the guest",
            text: "It looks the identity up among those that are registered with itself, and so finds the connection. \
                   The guest's Contact becomes the Request-URI now, and P-Called-Party-ID says who was meant.",
            clause: "TS 23.228 X.2.1.4, RFC 7315 §4.2",
            shows: |record| starts(record, "MESSAGE") && goes(record, "epcscf", "wic"),
        },
        Step {
            number: "8",
            title: "Delivered",
            text: "The guest's WIC answers 200 OK, and hop by hop that gets back to the sender. \
                   There it means that the message has arrived.",
            clause: "RFC 3428 §7",
            shows: |record| is_answer(record, "MESSAGE", 200),
        },
    ],
};

/// Whether it is a request with this method.
fn starts(record: &Record, method: &str) -> bool {
    record.text.strip_prefix(method).is_some_and(|rest| rest.starts_with(' '))
}

fn half(record: &Record, procedure: Procedure) -> bool {
    record.procedure == Some(procedure)
}

fn is_location_query(record: &Record) -> bool {
    record.leg == Leg::Cx && (record.summary.starts_with("LIR") || record.summary.starts_with("LIA"))
}

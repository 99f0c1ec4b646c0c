//! The three registration flows (TS 23.228 X.2.1.2 to X.2.1.4), in the numbers of the source text.

use super::super::course::{Client, Course};
use super::{Lesson, Step};

/// Flow 1.
pub(super) const DIGEST: Lesson = Lesson {
    id: "digest",
    title: "Flow 1: registration with the IMS password",
    about: "A subscriber registers from a browser with the IMS password, as from any SIP phone. \
            The WWSF only delivers the page; S-CSCF and WIC prove to each other that they know the password.",
    clause: "TS 23.228 X.2.1.2",
    course: Course::Register(Client::Digest("alice")),
    steps: &[
        Step {
            number: "1",
            title: "The page comes from the WWSF",
            text: "The browser opens the WWSF's HTTPS address and gets the page with the WIC in it. \
                   Only the server shows a certificate: who the user is does not matter yet.",
            clause: "TS 23.228 X.2.1.2 step 1",
            shows: |record| record.step == Some(1),
        },
        Step {
            number: "2",
            title: "A WebSocket to the eP-CSCF",
            text: "The WIC opens a secure WebSocket with the subprotocol sip. \
                   The eP-CSCF compares the page's Origin with those of the WWSFs that may use it, and answers 101 \
                   or 403.",
            clause: "TS 23.228 X.2.1.2 step 2, TS 33.203 REQ 1.1, RFC 7118 §4.1",
            shows: |record| record.step == Some(2),
        },
        Step {
            number: "3",
            title: "REGISTER, without an answer yet",
            text: "The WIC names its IMPI and IMPU; there is no challenge yet that it could answer. \
                   Its Contact is a .invalid host that nobody can resolve: it is reached over this connection alone.",
            clause: "TS 23.228 X.2.1.2 step 3, RFC 7118 §5",
            shows: |record| record.step == Some(3),
        },
        Step {
            number: "4",
            title: "The core asks for proof",
            text: "The eP-CSCF removes what a WIC must not say, adds its Path with the flow token, and the I-CSCF asks \
                   the HSS which S-CSCF it is to be. \
                   The S-CSCF gets the ingredients of the digest from the HSS and answers 401 with a fresh nonce.",
            clause: "TS 23.228 X.2.1.2 step 4, TS 33.203 N.2.1.1, TS 29.228 §§6.1.1, 6.3.1",
            shows: |record| record.step == Some(4),
        },
        Step {
            number: "5",
            title: "REGISTER with the answer",
            text: "The WIC hashes its password, the nonce and a random number of its own into the response. \
                   The password itself never leaves the browser.",
            clause: "TS 23.228 X.2.1.2 step 5, RFC 3261 §22.4, RFC 8760 §2",
            shows: |record| record.step == Some(5),
        },
        Step {
            number: "6",
            title: "The S-CSCF verifies, and proves itself",
            text: "The eP-CSCF marks the REGISTER tls-pending: it answers a challenge over TLS that is not bound to \
                   the IMPI yet. \
                   When the answer is right the S-CSCF has the HSS note the registration (SAR), and the rspauth of its \
                   200 OK shows the WIC that it knows the password too.",
            clause: "TS 23.228 X.2.1.2 step 6, TS 33.203 O.2.3, N.2.1.1",
            shows: |record| record.step == Some(6),
        },
    ],
};

/// Flow 2.
pub(super) const WEB_AUTH: Lesson = Lesson {
    id: "web-auth",
    title: "Flow 2: registration with a web login",
    about: "The user logs in on a web site and never types an IMS password. \
            A signed token carries the result to the eP-CSCF, for whose word IMS takes it.",
    clause: "TS 23.228 X.2.1.3",
    course: Course::Register(Client::Web("alice")),
    steps: &[
        Step {
            number: "1",
            title: "Page, login, token",
            text: "The WWSF authenticates the user as any web site does. \
                   It finds the IMPI and IMPU that are assigned to the user and returns them as claims of a token \
                   that it signs.",
            clause: "TS 23.228 X.2.1.3 step 1, RFC 7519",
            shows: |record| record.step == Some(1),
        },
        Step {
            number: "2",
            title: "A WebSocket to the eP-CSCF",
            text: "The Origin of the page decides which WWSF this connection belongs to. \
                   A token that another WWSF has issued will not be taken on it.",
            clause: "TS 23.228 X.2.1.3 step 2, TS 33.203 REQ 2.6",
            shows: |record| record.step == Some(2),
        },
        Step {
            number: "3",
            title: "REGISTER with the token",
            text: "To and From are the IMPU that the token names, and the token itself is in Authorization, scheme \
                   Bearer. \
                   There is no digest: the WIC knows no IMS password.",
            clause: "TS 23.228 X.2.1.3 step 3, TS 24.371 §A.3.2, RFC 8898 §2",
            shows: |record| record.step == Some(3),
        },
        Step {
            number: "4",
            title: "Trusted node authentication",
            text: "The eP-CSCF checks signature, times, audience and identities; in the token's place it puts a Digest \
                   header with the IMPI, an empty response and integrity-protected=\"auth-done\". \
                   The I-CSCF believes that of a trusted node only, and the S-CSCF goes straight to SAR: no challenge, \
                   no MAR.",
            clause: "TS 23.228 X.2.1.3 step 4, TS 33.203 X.3.2.3 and Annex U",
            shows: |record| record.step == Some(4),
        },
        Step {
            number: "5",
            title: "IMS says OK",
            text: "The 200 OK comes back with the identities that are registered now and the Service-Route for later \
                   requests. \
                   The eP-CSCF binds the connection to this user and takes nobody else's SIP on it.",
            clause: "TS 23.228 X.2.1.3 step 5, TS 33.203 X.3.2.3 step 7",
            shows: |record| record.step == Some(5),
        },
    ],
};

/// Flow 3.
pub(super) const WILDCARD: Lesson = Lesson {
    id: "wildcard",
    title: "Flow 3: an identity out of a partner's range",
    about: "A third party gives its users identities out of a wildcard range, anonymous users too. \
            The whole range has been registered with IMS beforehand; for each user the eP-CSCF itself is the registrar.",
    clause: "TS 23.228 X.2.1.4",
    course: Course::Register(Client::Guest),
    steps: &[
        Step {
            number: "1",
            title: "The partner assigns an identity",
            text: "The partner's WWSF may authenticate the user in whatever way, or serve a stranger. \
                   It picks an IMPI and IMPU out of its range and issues a token for them.",
            clause: "TS 23.228 X.2.1.4 step 1",
            shows: |record| record.step == Some(1),
        },
        Step {
            number: "2",
            title: "A WebSocket to the eP-CSCF",
            text: "The Origin is that of the partner's page. \
                   It binds the connection to the partner's record, which says what ranges are the partner's.",
            clause: "TS 23.228 X.2.1.4 step 2, TS 33.203 REQ 3.3",
            shows: |record| record.step == Some(2),
        },
        Step {
            number: "3",
            title: "REGISTER with the token",
            text: "The WIC registers the one IMPU that its token names. \
                   That it lies in a wildcard range is nothing that a WIC has to know.",
            clause: "TS 23.228 X.2.1.4 step 3, TS 24.371 §A.3.2",
            shows: |record| record.step == Some(3),
        },
        Step {
            number: "4",
            title: "The eP-CSCF answers itself",
            text: "Besides the token it checks that the IMPU falls in a range of this very WWSF and is nobody's distinct \
                   identity, for that would come first. \
                   Then it is the registrar and says 200 OK; nothing goes to the core.",
            clause: "TS 23.228 X.2.1.4 step 4, §4.3.3.2b, RFC 3261 §10.3",
            shows: |record| record.step == Some(4),
        },
    ],
};

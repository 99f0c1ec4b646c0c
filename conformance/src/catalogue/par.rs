//! TP-PAR: messages that torment readers (RFC 4475, RFC 5118), in our own words.

mod messages;

use std::time::Duration;

use self::messages as m;
use self::messages::{Expect, Torture};
use crate::purpose::purposes;
use crate::script::{Came, ScriptError};
use crate::tester::Tester;
use crate::verdict::{Outcome, Stop};

purposes! {
    "PAR-01" Epcscf Any Requirement "RFC 4475 §3.1.1 wsinv" {
        "White space and folding wherever they may be",
        "our own wsinv on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::WSINV),
    }
    "PAR-02" Epcscf Any Requirement "RFC 4475 §3.1.1 intmeth" {
        "Every character that a token and a user part may have",
        "our own intmeth on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::INTMETH),
    }
    "PAR-03" Epcscf Any Requirement "RFC 4475 §3.1.1 esc01" {
        "Escapes in URIs",
        "our own esc01 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::ESC01),
    }
    "PAR-04" Epcscf Any Requirement "RFC 4475 §3.1.1 escnull" {
        "An escaped NUL is a character like others",
        "our own escnull on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::ESCNULL),
    }
    "PAR-05" Epcscf Any Requirement "RFC 4475 §3.1.1 esc02" {
        "A percent sign in a token escapes nothing",
        "our own esc02 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::ESC02),
    }
    "PAR-06" Epcscf Any Requirement "RFC 4475 §3.1.1 lwsdisp" {
        "A display name may touch its address",
        "our own lwsdisp on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::LWSDISP),
    }
    "PAR-07" Epcscf Any Requirement "RFC 4475 §3.1.1 longreq" {
        "Long values of everything",
        "our own longreq on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::LONGREQ),
    }
    "PAR-08" Epcscf Any Policy "RFC 4475 §3.1.1 dblreq" {
        "Two requests in one WebSocket message",
        "our own dblreq on W2, Via being WSS" => "400, and the second is not acted on: the message boundary is WebSocket's (RFC 7118 §5)",
        test(torture, &m::DBLREQ),
    }
    "PAR-09" Epcscf Any Requirement "RFC 4475 §3.1.1 semiuri" {
        "Semicolons of the user part are no parameters",
        "our own semiuri on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::SEMIURI),
    }
    "PAR-10" Epcscf Any Requirement "RFC 4475 §3.1.1 transports" {
        "Vias beneath the topmost name any transport",
        "our own transports on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::TRANSPORTS),
    }
    "PAR-11" Epcscf Any Requirement "RFC 4475 §3.1.1 mpart01" {
        "A body of any octets in parts",
        "our own mpart01 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::MPART01),
    }
    "PAR-12" Epcscf Any Requirement "RFC 4475 §3.1.1 unreason" {
        "A reason phrase in any script",
        "our own unreason on W2, Via being WSS" => "it is taken or passed over; the connection stays",
        test(torture, &m::UNREASON),
    }
    "PAR-13" Epcscf Any Requirement "RFC 4475 §3.1.1 noreason" {
        "No reason phrase at all",
        "our own noreason on W2, Via being WSS" => "it is taken or passed over; the connection stays",
        test(torture, &m::NOREASON),
    }
    "PAR-14" Epcscf Any Requirement "RFC 4475 §3.1.2 badinv01" {
        "Separators without anything between them",
        "our own badinv01 on W2, Via being WSS" => "400",
        test(torture, &m::BADINV01),
    }
    "PAR-15" Epcscf Any Requirement "RFC 4475 §3.1.2 clerr" {
        "Content-Length says more than there is",
        "our own clerr on W2, Via being WSS" => "400",
        test(torture, &m::CLERR),
    }
    "PAR-16" Epcscf Any Requirement "RFC 4475 §3.1.2 ncl" {
        "A negative Content-Length",
        "our own ncl on W2, Via being WSS" => "400",
        test(torture, &m::NCL),
    }
    "PAR-17" Epcscf Any Requirement "RFC 4475 §3.1.2 scalar02" {
        "Numbers of a request out of range",
        "our own scalar02 on W2, Via being WSS" => "400",
        test(torture, &m::SCALAR02),
    }
    "PAR-18" Epcscf Any Requirement "RFC 4475 §3.1.2 scalarlg" {
        "Numbers of a response out of range",
        "our own scalarlg on W2, Via being WSS" => "it is dropped; the connection stays",
        test(torture, &m::SCALARLG),
    }
    "PAR-19" Epcscf Any Requirement "RFC 4475 §3.1.2 quotbal" {
        "A quoted string without its end",
        "our own quotbal on W2, Via being WSS" => "400",
        test(torture, &m::QUOTBAL),
    }
    "PAR-20" Epcscf Any Requirement "RFC 4475 §3.1.2 ltgtruri" {
        "A Request-URI in angle brackets",
        "our own ltgtruri on W2, Via being WSS" => "400",
        test(torture, &m::LTGTRURI),
    }
    "PAR-21" Epcscf Any Requirement "RFC 4475 §3.1.2 lwsruri" {
        "White space in the Request-URI",
        "our own lwsruri on W2, Via being WSS" => "400",
        test(torture, &m::LWSRURI),
    }
    "PAR-22" Epcscf Any Requirement "RFC 4475 §3.1.2 lwsstart" {
        "Two spaces on the request line",
        "our own lwsstart on W2, Via being WSS" => "400",
        test(torture, &m::LWSSTART),
    }
    "PAR-23" Epcscf Any Requirement "RFC 4475 §3.1.2 trws" {
        "Spaces after the request line",
        "our own trws on W2, Via being WSS" => "400",
        test(torture, &m::TRWS),
    }
    "PAR-24" Epcscf Any Requirement "RFC 4475 §3.1.2 escruri" {
        "Headers in the Request-URI",
        "our own escruri on W2, Via being WSS" => "400",
        test(torture, &m::ESCRURI),
    }
    "PAR-25" Epcscf Any Policy "RFC 4475 §3.1.2 baddate" {
        "A time zone other than GMT",
        "our own baddate on W2, Via being WSS" => "400, or understood where nobody acts by Date",
        test(torture, &m::BADDATE),
    }
    "PAR-26" Epcscf Any Policy "RFC 4475 §3.1.2 regbadct" {
        "A Contact with ? and without angle brackets",
        "our own regbadct on W2, Via being WSS" => "400, or understood by who is liberal",
        test(torture, &m::REGBADCT),
    }
    "PAR-27" Epcscf Any Policy "RFC 4475 §3.1.2 badaspec" {
        "White space inside the angle brackets",
        "our own badaspec on W2, Via being WSS" => "400, or understood by who is liberal",
        test(torture, &m::BADASPEC),
    }
    "PAR-28" Epcscf Any Policy "RFC 4475 §3.1.2 baddn" {
        "A comma in a display name without quotes",
        "our own baddn on W2, Via being WSS" => "400, or understood by who is liberal",
        test(torture, &m::BADDN),
    }
    "PAR-29" Epcscf Any Requirement "RFC 4475 §3.1.2 badvers" {
        "Another version of SIP",
        "our own badvers on W2, Via being WSS" => "505",
        test(torture, &m::BADVERS),
    }
    "PAR-30" Epcscf Any Requirement "RFC 4475 §3.1.2 mismatch01" {
        "CSeq names another method",
        "our own mismatch01 on W2, Via being WSS" => "400",
        test(torture, &m::MISMATCH01),
    }
    "PAR-31" Epcscf Any Requirement "RFC 4475 §3.1.2 mismatch02" {
        "CSeq names a known method, the request none",
        "our own mismatch02 on W2, Via being WSS" => "400 or 501",
        test(torture, &m::MISMATCH02),
    }
    "PAR-32" Epcscf Any Requirement "RFC 4475 §3.1.2 bigcode" {
        "A status code above 699",
        "our own bigcode on W2, Via being WSS" => "it is dropped; the connection stays",
        test(torture, &m::BIGCODE),
    }
    "PAR-33" Epcscf Any Policy "RFC 4475 §3.2 badbranch" {
        "A branch that is only the cookie",
        "our own badbranch on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::BADBRANCH),
    }
    "PAR-34" Epcscf Any Requirement "RFC 4475 §3.3 insuf" {
        "What every request needs is missing",
        "our own insuf on W2, Via being WSS" => "400; the connection stays",
        test(torture, &m::INSUF),
    }
    "PAR-35" Epcscf Any Requirement "RFC 4475 §3.3 unkscm" {
        "A Request-URI of a scheme that is not understood",
        "our own unkscm on W2, Via being WSS" => "416",
        test(torture, &m::UNKSCM),
    }
    "PAR-36" Epcscf Any Requirement "RFC 4475 §3.3 novelsc" {
        "A Request-URI of a scheme that is known elsewhere",
        "our own novelsc on W2, Via being WSS" => "416",
        test(torture, &m::NOVELSC),
    }
    "PAR-37" Epcscf Any Requirement "RFC 4475 §3.3 unksm2" {
        "To and From of schemes that are not understood",
        "our own unksm2 on W2, Via being WSS" => "any final answer but a 2xx",
        test(torture, &m::UNKSM2),
    }
    "PAR-38" Epcscf Any Requirement "RFC 4475 §3.3 bext01" {
        "An extension that the proxy must know",
        "our own bext01 on W2, Via being WSS" => "420 with Unsupported",
        test(torture, &m::BEXT01),
    }
    "PAR-39" Epcscf Any Requirement "RFC 4475 §3.3 invut" {
        "A body of an unknown type that must be handled",
        "our own invut on W2, Via being WSS" => "415, or any final answer but a 2xx",
        test(torture, &m::INVUT),
    }
    "PAR-40" Epcscf Any Requirement "RFC 4475 §3.3 regaut01" {
        "Credentials of an unknown scheme",
        "our own regaut01 on W2, Via being WSS" => "they are no credentials: challenged, or refused",
        test(torture, &m::REGAUT01),
    }
    "PAR-41" Epcscf Any Requirement "RFC 4475 §3.3 multi01" {
        "Headers twice that may be there once",
        "our own multi01 on W2, Via being WSS" => "400",
        test(torture, &m::MULTI01),
    }
    "PAR-42" Epcscf Any Requirement "RFC 4475 §3.3 mcl01" {
        "Two Content-Lengths that disagree",
        "our own mcl01 on W2, Via being WSS" => "400",
        test(torture, &m::MCL01),
    }
    "PAR-43" Epcscf Any Requirement "RFC 4475 §3.3 bcast" {
        "A response whose Via is a broadcast address",
        "our own bcast on W2, Via being WSS" => "it is dropped; the connection stays",
        test(torture, &m::BCAST),
    }
    "PAR-44" Epcscf Any Requirement "RFC 4475 §3.3 zeromf" {
        "No hops left",
        "our own zeromf on W2, Via being WSS" => "483, 200 to a request for the node itself, or 403 before a registration",
        test(torture, &m::ZEROMF),
    }
    "PAR-45" Epcscf Any Requirement "RFC 4475 §3.3 cparam01" {
        "A parameter behind a Contact without brackets",
        "our own cparam01 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::CPARAM01),
    }
    "PAR-46" Epcscf Any Requirement "RFC 4475 §3.3 cparam02" {
        "A parameter inside the brackets of a Contact",
        "our own cparam02 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::CPARAM02),
    }
    "PAR-47" Epcscf Any Requirement "RFC 4475 §3.3 regescrt" {
        "A Contact with headers in brackets",
        "our own regescrt on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::REGESCRT),
    }
    "PAR-48" Epcscf Any Requirement "RFC 4475 §3.3 sdp01" {
        "An INVITE that accepts no SDP",
        "our own sdp01 on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::SDP01),
    }
    "PAR-49" Epcscf Any Policy "RFC 4475 §3.4 inv2543" {
        "An INVITE of the older standard",
        "our own inv2543 on W2, Via being WSS" => "understood, or 400 with a reason",
        test(torture, &m::INV2543),
    }
    "PAR-50" Epcscf Any Requirement "RFC 5118 §4.1" {
        "A reference in brackets is a host",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_REFERENCE),
    }
    "PAR-51" Epcscf Any Requirement "RFC 5118 §4.2" {
        "Without brackets it is refused",
        "a message with IPv6 references on W2, Via being WSS" => "400",
        test(torture, &m::V6_BARE),
    }
    "PAR-52" Epcscf Any Requirement "RFC 5118 §4.3" {
        "Digits inside the brackets are never the port",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_NO_PORT),
    }
    "PAR-53" Epcscf Any Requirement "RFC 5118 §4.4" {
        "Digits after the brackets are the port",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_PORT),
    }
    "PAR-54" Epcscf Any Requirement "RFC 5118 §4.5" {
        "received with and without brackets",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_RECEIVED),
    }
    "PAR-55" Epcscf Any Requirement "RFC 5118 §4.6" {
        "A body with bare addresses",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_BODY),
    }
    "PAR-56" Epcscf Any Requirement "RFC 5118 §4.7" {
        "Both families side by side in headers",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_MIXED),
    }
    "PAR-57" Epcscf Any Requirement "RFC 5118 §4.8" {
        "A body with both families",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_MIXED_BODY),
    }
    "PAR-58" Epcscf Any Requirement "RFC 5118 §4.9" {
        "A mapped IPv4 address",
        "a message with IPv6 references on W2, Via being WSS" => "it is understood: any answer but 400",
        test(torture, &m::V6_MAPPED),
    }
    "PAR-59" Epcscf Any Requirement "RFC 5118 §4.10" {
        "Three colons that the old grammar allowed",
        "a message with IPv6 references on W2, Via being WSS" => "400",
        test(torture, &m::V6_THREE_COLONS),
    }
}

/// Sends one message from a fresh connection, and sees that the system lives on.
async fn torture(t: &mut Tester, message: &Torture) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let unique = t.unique();
    let octets = message.octets(&edge.home, &unique);
    wic.send(&octets).await?;
    // What a proxy understands may go on to the core, where it is refused.
    let within = patience(t, message);
    let answer = tokio::select! {
        biased;
        answer = wic.answer() => answer,
        arrived = edge.core.request_that("answer", within, |r| r.method.as_str() != "ACK" && r.to_string().contains(&unique)) => match arrived {
            Ok(arrived) => {
                t.saw(format!("on Mw: {} {}", arrived.request.method, arrived.request.uri));
                let refusal = arrived.request.respond(sip::StatusCode::FORBIDDEN);
                edge.core.respond(&arrived, &refusal).await?;
                wic.answer().await
            }
            Err(error) => Err(error),
        },
    };
    let stays = match (message.expect, answer) {
        (Expect::Understood, Ok(answer)) => {
            let status = answer.status.code();
            t.saw(format!("{status} {}", answer.reason));
            t.check(status != 400, format!("400 {} to a valid message", answer.reason))?;
            true
        }
        (Expect::Status(expected), Ok(answer)) => {
            t.status(&answer, expected)?;
            true
        }
        (Expect::NotAccepted, Ok(answer)) => {
            t.saw(format!("{} {}", answer.status, answer.reason));
            t.check(!answer.status.is_success(), "it was accepted")?;
            true
        }
        (Expect::Dropped, Err(ScriptError::Timeout { .. })) => {
            t.saw("no answer");
            true
        }
        (Expect::Dropped, Ok(answer)) => return Err(Stop::fail(format!("a response was answered: {}", answer.status))),
        (_, Err(error)) => {
            let passed_on =
                edge.core.malformed(&unique).map(|why| format!("it was passed on, and cannot be read on Mw: {why}"));
            return Err(passed_on.map_or_else(|| error.into(), Stop::Fail));
        }
    };
    if stays && !closes(message) {
        wic.send("\r\n\r\n").await?;
        loop {
            match wic.next().await? {
                Came::Message(_, octets) if &octets[..] == b"\r\n" => break,
                Came::Message(..) | Came::Ping(_) | Came::Pong(_) => {}
                came => return Err(Stop::fail(format!("the connection did not stay: {came:?}"))),
            }
        }
    }
    Ok(())
}

/// A 401 or 403 to credentials may close the connection, which is not what is judged here.
fn closes(message: &Torture) -> bool {
    matches!(message.expect, Expect::NotAccepted)
}

fn patience(t: &Tester, message: &Torture) -> Duration {
    match message.expect {
        Expect::Dropped => t.limits().quiet,
        _ => t.limits().answer,
    }
}

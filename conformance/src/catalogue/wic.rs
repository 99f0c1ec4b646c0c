//! TP-WIC: the client. What it does is the same whatever runs it; its clock is the script's.

mod calls;
mod keeping;
mod registering;
mod registrar;
mod socket;
mod tokens;
mod watching;

use crate::purpose::purposes;

purposes! {
    "TOK-29" Wic WebAuth Requirement "RFC 8898 §2.1.1" {
        "An authorisation server that is not known is not contacted",
        "401 with an authz_server that the WIC was not told of" => "no token is asked for, and nothing is sent",
        test(tokens::unknown_authz_server),
    }
    "DIG-17" Wic Digest Requirement "33.203 N.2.1.1" {
        "A server that does not know the password is left",
        "200 with a wrong rspauth" => "not registered; the connection is closed",
        test(registering::wrong_rspauth),
    }
    "REG-07" Wic Digest Requirement "24.229 §5.1.1.4.1" {
        "A registration is refreshed in time",
        "1200 s granted; 1300 s granted" => "a REGISTER after 600 s; after 700 s",
        test(keeping::refresh_times),
    }
    "EVT-03" Wic WebAuth Requirement "RFC 3680 §5.1" {
        "A gap in what it is told makes the WIC ask for all",
        given "a WIC that watches its registration, told version 0",
        "a NOTIFY with version 2, partial" => "SUBSCRIBE again",
        test(watching::version_gap),
    }
    "NET-06" Wic WebAuth Requirement "24.229 §5.4.1.6, §5.1.1.5.1" {
        "A shortened registration is made anew in time",
        given "a WIC that watches its registration of an hour",
        "a NOTIFY with its contact shortened to 60 s" => "a REGISTER within 60 s",
        test(watching::shortened),
    }
    "DLG-09" Wic Any Requirement "RFC 3261 §14.2" {
        "Two offers that cross are both taken back",
        given "a call of the WIC, whose re-INVITE is under way",
        "a re-INVITE of the other side" => "491",
        test(calls::glare),
    }
    "DLG-10" Wic Any Requirement "RFC 4028 §9, §5" {
        "A session interval that is too short is refused",
        given "a registered WIC",
        "INVITE with Supported: timer and Session-Expires: 30" => "422 with Min-SE: 90 or more",
        test(calls::short_session),
    }
    "WIC-01" Wic Digest Requirement "24.229 §5.1.1.2, 33.203 N.2.1.1, RFC 7118 §5" {
        "The first REGISTER is well-formed",
        "flow 1 begins" => "R-URI the domain alone, To = From = IMPU, Via WSS and Contact of one .invalid host with \
            transport=ws, reg-id, +sip.instance, Supported: path, outbound; the IMPI with an empty response, or no \
            Authorization",
        test(registering::first_register),
    }
    "WIC-02" Wic Digest Requirement "RFC 8760 §2.4" {
        "The strongest algorithm is chosen",
        "401 with MD5 before SHA-256; the other way round" => "SHA-256 both times, and a right response",
        test(registering::strongest_algorithm),
    }
    "WIC-03" Wic Digest Requirement "RFC 3261 §10.2.8" {
        "423 is answered with a longer time",
        "423 with Min-Expires: 7200" => "a REGISTER that asks for 7200 s",
        test(registering::longer_expiry),
    }
    "WIC-04" Wic Digest Requirement "RFC 3261 §20.33" {
        "Retry-After is honoured",
        "503 with Retry-After: 120" => "no REGISTER for 120 s, then one",
        test(keeping::retry_after),
    }
    "WIC-05" Wic Digest Requirement "RFC 5626 §4.5" {
        "Tries that fail come ever less often",
        "connections that fail, ten times" => "waits that grow up to 30 minutes, each between half and the whole of its bound",
        test(keeping::back_off),
    }
    "WIC-06" Wic Digest Requirement "RFC 5626 §4.4.1" {
        "Keep-alives go out in time, and silence fails the flow",
        "200 with Flow-Timer: 120; no CRLF" => "CRLF CRLF after 96 to 120 s; the connection is given up 10 s later",
        test(keeping::keep_alive),
    }
    "WIC-07" Wic Digest Requirement "RFC 3261 §10.2" {
        "One Call-ID, and CSeq counts",
        "challenge and refresh" => "one Call-ID, CSeq one more each time",
        test(keeping::call_id_and_cseq),
    }
    "WIC-08" Wic Digest Requirement "33.203 N.2.3" {
        "A stale nonce is no wrong password",
        "401 with stale=true to an answer" => "another answer, over the new nonce",
        test(registering::stale_nonce),
    }
    "WIC-09" Wic Digest Requirement "RFC 3261 §22.2" {
        "A refused password is not tried again",
        "401 without stale to an answer" => "no further REGISTER",
        test(registering::refused_password),
    }
    "WIC-10" Wic WebAuth Requirement "24.371 §7.2.1, TS 23.228 U.2.1.3 step 3" {
        "The token goes into Authorization, its identities into To and From",
        "flow 2 begins" => "Bearer with the token, no Digest; To and From the IMPU that came with it",
        test(tokens::register),
    }
    "WIC-11" Wic WebAuth Requirement "TS 23.228 U.2.1.3" {
        "A token that ends is replaced before",
        "a token of 600 s, 3600 s granted" => "another token is asked for, and a REGISTER sent, before 600 s",
        test(tokens::refresh),
    }
    "WIC-12" Wic Digest Requirement "RFC 3261 §10.2.2" {
        "Leaving is said",
        "the user leaves" => "a REGISTER with an expiry of 0, then the connection is closed with 1000 or no code",
        test(registering::leaves),
    }
    "WIC-13" Wic Digest Requirement "RFC 3261 §18.1.2" {
        "What cannot be read is not acted on",
        "noise, half a message, a response to nothing" => "still registered, nothing sent but answers of 4xx",
        test(keeping::noise),
    }
    "WIC-14" Wic WebAuth Policy "33.203 X.3.2.3 step 4" {
        "A close for policy is not answered with another try",
        "403, then close 1008; while registered, close 1008" => "no new connection",
        test(tokens::policy_close),
    }
    "WIC-15" Wic Digest Requirement "RFC 5626 §4.3" {
        "A lost connection is replaced by one of the same instance",
        "close 1006 while registered" => "another connection; a REGISTER with the same +sip.instance and reg-id",
        test(keeping::reconnects),
    }
    "WIC-16" Wic Digest Requirement "RFC 7616 §3.4" {
        "A refresh counts nc on the nonce that it has",
        "200 without nextnonce, then the refresh" => "the same nonce with nc=00000002",
        test(keeping::counts_nc),
    }
    "WIC-17" Wic WebAuth Requirement "RFC 8898 §2.1.1" {
        "A refused token is replaced once",
        "401 invalid_token with the known authz_server, twice" => "one more token is asked for, not two",
        test(tokens::replaced_once),
    }
    "WIC-18" Wic Any Requirement "24.229 §5.1.1.3" {
        "A registration is watched",
        "200 to REGISTER" => "SUBSCRIBE for the event package reg, to the IMPU",
        test(watching::subscribes),
    }
    "WIC-19" Wic Any Requirement "RFC 7118 §4.1" {
        "The subprotocol sip is offered",
        "the WIC connects" => "Sec-WebSocket-Protocol with sip in the upgrade",
        test(socket::offers_sip),
    }
    "WIC-20" Wic Any Requirement "RFC 7118 §4.1, RFC 6455 §4.1" {
        "Without the subprotocol there is no SIP",
        "101 without Sec-WebSocket-Protocol" => "nothing is sent",
        test(socket::insists_on_sip),
    }
    "WIC-21" Wic Any Requirement "RFC 7118 §5" {
        "A WebSocket message is one SIP message",
        "the WIC registers, and answers OPTIONS" => "each WebSocket message ends with the body of its SIP message",
        test(socket::one_message_each),
    }
    "WIC-22" Wic Digest Requirement "RFC 5626 §4.4.1" {
        "A flow whose keep-alives are answered is kept",
        "200 with Flow-Timer: 120; each CRLF CRLF is answered, for 20 minutes" => "10 of them or more, one connection",
        test(keeping::kept_alive),
    }
    "WIC-23" Wic Any Requirement "RFC 6455 §5.5.3" {
        "A Ping is answered",
        "a WebSocket Ping" => "a Pong with the same octets",
        test(socket::answers_ping),
    }
}

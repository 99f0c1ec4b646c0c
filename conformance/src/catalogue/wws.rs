//! TP-WWS: the WWSF by itself, as a browser and a verifier of tokens see it (W1).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::HttpAnswer;
use crate::tester::{Browser, Granted, Tester, Web};
use crate::verdict::{Outcome, Stop};

const SCOPE: &str = "webrtc-ims-client-access-to-ims";
const ELSEWHERE: &str = "https://portal.example";

purposes! {
    "WWS-01" Wwsf Any Requirement "TS 23.228 U.2.1.2" {
        "The page and its code come over TLS",
        "GET / over TLS, then all that it names" => "200 with HTML; 200 for each, of its own origin, scripts, styles \
            and WASM with their media types",
        test(page),
    }
    "WWS-02" Wwsf Any Requirement "33.203 X.2.2.3" {
        "Nothing is served without TLS",
        "GET / in plain text" => "no page, no redirect with a cookie, no token",
        test(plain_text),
    }
    "WWS-03" Wwsf Any Policy "CSP Level 3 §6" {
        "The page may run its own code alone, and reach its own eP-CSCF alone",
        "GET /" => "Content-Security-Policy without unsafe-inline and unsafe-eval, which frames nothing and connects \
            to itself and the WebSocket of the eP-CSCF; nosniff",
        test(page_policy),
    }
    "WWS-04" Wwsf WebAuth Requirement "TS 23.228 U.2.1.3 step 1" {
        "A token is for those who are logged in",
        "a token is asked for without a session; with a made-up one" => "401 both times, and no token",
        test(no_session),
    }
    "WWS-05" Wwsf WebAuth Requirement "TS 23.228 U.2.1.3 step 1" {
        "A wrong password is refused as an unknown user is",
        "login with a wrong password; with an unknown name" => "401, no cookie, one and the same answer",
        test(wrong_password),
    }
    "WWS-06" Wwsf WebAuth Policy "RFC 6265 §4.1.2, §8" {
        "The session cookie is for this WWSF and no script",
        "login" => "Set-Cookie with Secure, HttpOnly, SameSite and no Domain",
        test(cookie),
    }
    "WWS-07" Wwsf WebAuth Policy "RFC 6265 §8.4" {
        "A session that was planted is not taken over",
        "login in a browser that brings a made-up session" => "another session; the made-up one gets no token",
        test(fixation),
    }
    "WWS-08" Wwsf WebAuth Policy "TS 23.228 U.2.1.3 step 1" {
        "A session ends with the logout",
        "logout, then the old cookie again" => "401, and no token",
        test(logout),
    }
    "WWS-09" Wwsf WebAuth Policy "TS 23.228 U.2.1.3 step 1" {
        "A session ends with its time",
        given "sessions of one second",
        "a token is asked for until it is refused" => "401 before long",
        test(session_ends),
    }
    "WWS-10" Wwsf WebAuth Requirement "33.203 X.3.2.3" {
        "The token holds what the eP-CSCF must obtain from it",
        "login, token" => "iss, client_id, aud, exp and scope; one IMPI without a scheme, IMPUs that are URIs, none a wildcard",
        test(claims),
    }
    "WWS-11" Wwsf WebAuth Requirement "TS 23.228 U.2.1.3 step 3" {
        "The identities in clear are those of the token",
        "login, token" => "login, token response and token name the same IMPI and IMPUs",
        test(clear_identities),
    }
    "WWS-12" Wwsf WebAuth Requirement "RFC 7515 §5.2, RFC 9068 §2.1" {
        "The published key has signed the token",
        "login, token, key set" => "typ at+jwt, an asymmetric alg, a kid of the set, whose key verifies it",
        test(signature),
    }
    "WWS-13" Wwsf Any Requirement "RFC 7517 §9.2" {
        "The key set holds public keys alone",
        "the key set" => "each key with kty, kid and use sig; no private member",
        test(key_set),
    }
    "WWS-14" Wwsf WebAuth Requirement "RFC 7519 §4.1.7" {
        "No two tokens are the same",
        "two tokens in one session" => "two jti",
        test(two_tokens),
    }
    "WWS-15" Wwsf WebAuth Policy "RFC 7519 §4.1.4, RFC 6749 §5.1" {
        "A token says how long it lasts",
        given "tokens of 90 s",
        "token" => "exp - iat and expires_in are 90, whole numbers; iat is now",
        test(lifetime),
    }
    "WWS-16" Wwsf WebAuth Requirement "RFC 6749 §5.1" {
        "A token is not kept by caches",
        "token" => "Cache-Control: no-store, token_type Bearer, JSON",
        test(not_cached),
    }
    "WWS-17" Wwsf WebAuth Requirement "33.203 REQ 2.4" {
        "Who asks for the identity of others gets his own",
        "a token request that names another impi and impu" => "the user's own identities, or a refusal",
        test(own_identities),
    }
    "WWS-18" Wwsf WebAuth Policy "TS 23.228 U.2.1.3" {
        "The token does not tell who the person is on the web",
        "token" => "sub is there and is not the login name",
        test(opaque_subject),
    }
    "WWS-19" Wwsf WebAuth Policy "RFC 6454 §7" {
        "A form of another page can't ask for a token",
        given "a session",
        "the request of a form: url-encoded, plain text; JSON of another origin" => "refused each time, and no token",
        test(forms),
    }
    "WWS-20" Wwsf WebAuth Policy "Fetch, CORS protocol" {
        "An origin that is listed is allowed by name",
        given "another origin is listed",
        "a preflight and a token request from it; from one that begins like it"
            => "Access-Control-Allow-Origin with that very origin, Vary: Origin, never *; nothing for the other",
        test(listed_origin),
    }
    "WWS-21" Wwsf WebAuth Policy "RFC 6585 §4" {
        "Guessing passwords is slowed",
        given "three wrong logins in a row are allowed",
        "wrong passwords, then the right one" => "429 with Retry-After after three, for the right one too",
        test(guessing),
    }
    "WWS-22" Wwsf Range Requirement "TS 23.228 U.2.1.4" {
        "A guest gets one identity out of the range, without a login",
        given "a partner's WWSF",
        "a token is asked for" => "one IMPU that the range matches, itself no wildcard",
        test(guest),
    }
    "WWS-23" Wwsf Range Requirement "TS 23.228 U.2.1.4" {
        "Guests at the same time have identities of their own",
        given "a partner's WWSF",
        "tokens in three browsers, then again in the first" => "three IMPUs and IMPIs; the first keeps its own",
        test(guests),
    }
    "WWS-24" Wwsf Range Policy "RFC 9110 §15.6.4" {
        "A range that is used up gives nothing twice",
        given "a partner's WWSF with one identity",
        "tokens in two browsers" => "503 with Retry-After for the second, and no token",
        test(exhausted),
    }
    "WWS-25" Wwsf Any Requirement "RFC 9110 §15.5" {
        "What is malformed is refused, and not repeated",
        "a body that is no JSON, one that is too long, another method, a path that is not there"
            => "400, 413, 405 with Allow, 404; nothing of the request in the answer",
        test(malformed),
    }
    "WWS-26" Wwsf WebAuth Requirement "33.203 X.2.2.3" {
        "WICs are sent to the eP-CSCF over TLS",
        "token" => "wss_url is a wss: URI, and the page may connect to it",
        test(secure_edge),
    }
    "WWS-27" Wwsf WebAuth Policy "RFC 7517 §4.5" {
        "A new key takes over without a gap",
        given "a token, then a rotation",
        "token, key set" => "the new token names a new key; both keys are published",
        test(rotation),
    }
    "WWS-28" Wwsf WebAuth Requirement "RFC 8725 §3.1" {
        "The other algorithm is used where it is configured",
        given "tokens are signed with EdDSA",
        "token" => "alg EdDSA; the published Ed25519 key verifies it",
        test(ed25519),
    }
}

async fn operator(t: &mut Tester) -> Outcome<Web> {
    t.wwsf(Setup::new()).await
}

async fn partner(t: &mut Tester, setup: Setup) -> Outcome<Web> {
    t.wwsf(setup.with("role", "partner")).await
}

/// A token of a fresh session.
async fn granted(t: &mut Tester, setup: Setup) -> Outcome<(Web, Browser, Granted)> {
    let web = t.wwsf(setup).await?;
    let mut browser = web.logged_in().await?;
    let granted = web.token(&mut browser).await?;
    Ok((web, browser, granted))
}

/// That an answer has this status and holds no token.
fn refused(t: &mut Tester, what: &str, answer: &HttpAnswer, expected: &[u16]) -> Outcome {
    t.saw(format!("{what}: {}", answer.status));
    t.check(expected.contains(&answer.status), format!("{what}: {} instead of {expected:?}", answer.status))?;
    t.check(!holds_token(answer), format!("{what}: there is a token in the answer"))
}

fn holds_token(answer: &HttpAnswer) -> bool {
    answer.json().is_some_and(|body| body.get("token").is_some())
}

/// The paths of its own origin that a page names in its attributes.
fn paths(html: &str) -> HashSet<String> {
    let values = html.split("=\"").skip(1).filter_map(|rest| rest.split('"').next());
    values.filter(|value| value.starts_with('/') && !value.starts_with("//")).map(str::to_owned).collect()
}

async fn page(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let page = web.get("/").await?;
    t.check(page.status == 200, format!("the page: {}", page.status))?;
    let kind = page.value("content-type").unwrap_or_default().to_owned();
    t.check(kind.starts_with("text/html"), format!("the page is {kind}"))?;
    let kinds = [(".js", "javascript"), (".css", "text/css"), (".wasm", "application/wasm"), (".svg", "image/svg")];
    let mut code = 0;
    for path in paths(&page.text()) {
        let Some((_, kind)) = kinds.iter().find(|(end, _)| path.ends_with(end)) else { continue };
        let answer = web.get(&path).await?;
        let got = answer.value("content-type").unwrap_or_default().to_owned();
        t.saw(format!("{path}: {got}, {} octets", answer.body.len()));
        t.check(answer.status == 200 && got.contains(kind), format!("{path}: {} {got}", answer.status))?;
        code += usize::from(path.ends_with(".js") || path.ends_with(".wasm"));
    }
    t.check(code > 0, "the page names no code of its own")
}

async fn plain_text(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let io = |e: std::io::Error| Stop::Inconclusive(format!("connecting: {e}"));
    let mut stream = tokio::net::TcpStream::connect(web.https.addr).await.map_err(io)?;
    let request = web.request("GET", "/").with("Connection", "close").text();
    let answer = tokio::time::timeout(t.limits().answer, async {
        // A server that resets the connection has answered too.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets).await;
        octets
    });
    let octets = answer.await.map_err(|_| Stop::fail("the connection stays open"))?;
    let text = String::from_utf8_lossy(&octets).to_ascii_lowercase();
    t.saw(format!("{} octets", octets.len()));
    t.check(!text.contains("<html") && !text.contains("set-cookie"), "a page was served in plain text")
}

/// The sources of one directive of a page's policy.
fn sources<'a>(policy: &'a str, directive: &str) -> Option<Vec<&'a str>> {
    policy.split(';').find_map(|part| {
        let mut words = part.split_whitespace();
        (words.next() == Some(directive)).then(|| words.collect())
    })
}

async fn page_policy(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let page = web.get("/").await?;
    let policy = page.value("content-security-policy").unwrap_or_default().to_owned();
    t.saw(policy.clone());
    let scripts = sources(&policy, "script-src").or_else(|| sources(&policy, "default-src"));
    let scripts = scripts.ok_or_else(|| Stop::fail("the page has no policy for scripts"))?;
    for wrong in ["'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:"] {
        t.check(!scripts.contains(&wrong), format!("scripts may come from {wrong}"))?;
    }
    t.check(sources(&policy, "frame-ancestors") == Some(vec!["'none'"]), "other pages may frame it")?;
    let reached = sources(&policy, "connect-src").unwrap_or_default();
    let right = |source: &&str| *source == "'self'" || source.starts_with("wss://") || source.starts_with("https://");
    t.check(!reached.is_empty() && reached.iter().all(right), format!("the page may reach {reached:?}"))?;
    t.check(page.value("x-content-type-options") == Some("nosniff"), "types may be guessed")
}

async fn no_session(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let answer = web.ask_token(&mut Browser::default()).await?;
    refused(t, "without a session", &answer, &[401])?;
    let name = web.logged_in().await?.cookie.unwrap_or_default();
    let name = name.split('=').next().unwrap_or_default();
    let mut other = Browser { cookie: Some(format!("{name}={}", "A".repeat(43))) };
    let answer = web.ask_token(&mut other).await?;
    refused(t, "with a made-up session", &answer, &[401])
}

async fn wrong_password(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let mut browser = Browser::default();
    let wrong = web.log_in(&mut browser, Some("not the password")).await?;
    refused(t, "wrong password", &wrong, &[401])?;
    let body = json!({"username": "nobody-of-this-name", "password": "not the password"});
    let unknown = web.post(&mut browser, "/api/login", &body).await?;
    refused(t, "unknown name", &unknown, &[401])?;
    t.check(browser.cookie.is_none(), "a cookie was set")?;
    t.check(wrong.body == unknown.body, "the answers tell which names there are")
}

async fn cookie(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let answer = web.log_in(&mut Browser::default(), None).await?;
    let set = answer.value("set-cookie").unwrap_or_default().to_owned();
    let attributes: Vec<String> = set.split(';').skip(1).map(|a| a.trim().to_ascii_lowercase()).collect();
    t.saw(attributes.join("; "));
    for wanted in ["secure", "httponly"] {
        t.check(attributes.iter().any(|a| a == wanted), format!("{wanted} is missing"))?;
    }
    let same_site = attributes.iter().any(|a| a == "samesite=strict" || a == "samesite=lax");
    t.check(same_site, "SameSite is neither Strict nor Lax")?;
    t.check(!attributes.iter().any(|a| a.starts_with("domain=")), "other hosts get the cookie too")
}

async fn fixation(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let name = web.logged_in().await?.cookie.unwrap_or_default();
    let planted = format!("{}={}", name.split('=').next().unwrap_or_default(), "B".repeat(43));
    let mut browser = Browser { cookie: Some(planted.clone()) };
    let answer = web.log_in(&mut browser, None).await?;
    t.check(answer.status == 200, format!("the login is answered {}", answer.status))?;
    t.check(browser.cookie.as_ref() != Some(&planted), "the planted session is in use")?;
    let answer = web.ask_token(&mut Browser { cookie: Some(planted) }).await?;
    refused(t, "the planted session", &answer, &[401])
}

async fn logout(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let browser = web.logged_in().await?;
    let answer = web.post(&mut browser.clone(), "/api/logout", &json!({})).await?;
    t.check((200..300).contains(&answer.status), format!("the logout is answered {}", answer.status))?;
    let answer = web.ask_token(&mut browser.clone()).await?;
    refused(t, "the old cookie", &answer, &[401])
}

async fn session_ends(t: &mut Tester) -> Outcome {
    let web = t.wwsf(Setup::new().with("session_lifetime", 1)).await?;
    let mut browser = web.logged_in().await?;
    let begun = Instant::now();
    loop {
        let answer = web.ask_token(&mut browser).await?;
        if answer.status == 401 {
            t.saw(format!("401 after {:.1} s", begun.elapsed().as_secs_f32()));
            return Ok(());
        }
        t.check(begun.elapsed() < Duration::from_secs(4), "the session goes on")?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn claims(t: &mut Tester) -> Outcome {
    let (web, _, token) = granted(t, Setup::new()).await?;
    t.saw(token.claims.to_string());
    t.check(token.text("iss") == web.origin, format!("iss is {:?}", token.text("iss")))?;
    t.check(token.text("client_id") == web.id, format!("client_id is {:?}", token.text("client_id")))?;
    let audience = token.claims.get("aud").cloned().unwrap_or_default();
    let named = |value: &Value| value.as_str() == Some(&*web.audience);
    let right = named(&audience) || audience.as_array().is_some_and(|all| all.iter().any(named));
    t.check(right, format!("aud is {audience}"))?;
    t.check(token.text("scope").split(' ').any(|scope| scope == SCOPE), "the scope is missing")?;
    token.number("exp")?;
    let impi = token.text("impi");
    t.check(impi.contains('@') && !impi.starts_with("sip"), format!("impi is {impi:?}"))?;
    let impus = token.impus();
    let right = |impu: &&str| (impu.starts_with("sip:") || impu.starts_with("tel:")) && !impu.contains('!');
    t.check(!impus.is_empty() && impus.iter().all(right), format!("impu is {impus:?}"))
}

async fn clear_identities(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let mut browser = Browser::default();
    let login = web.log_in(&mut browser, None).await?.json().unwrap_or_default();
    let token = web.token(&mut browser).await?;
    for (what, body) in [("the login", &login), ("the token response", &token.body)] {
        for name in ["impi", "impu"] {
            let (clear, claim) = (body.get(name), token.claims.get(name));
            t.check(
                clear.is_some() && clear == claim,
                format!("{name} is {clear:?} in {what}, {claim:?} in the token"),
            )?;
        }
    }
    t.saw(token.impus().join(", "));
    Ok(())
}

async fn signature(t: &mut Tester) -> Outcome {
    let (_, _, token) = granted(t, Setup::new()).await?;
    t.saw(token.header.to_string());
    let typ = token.header.get("typ").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    t.check(typ.trim_start_matches("application/") == "at+jwt", format!("typ is {typ:?}"))?;
    for member in ["jwk", "jku", "x5u", "x5c"] {
        t.check(token.header.get(member).is_none(), format!("the token brings its own key: {member}"))?;
    }
    Ok(())
}

async fn key_set(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let keys = web.keys().await?;
    t.saw(format!("{} keys", keys.len()));
    t.check(!keys.is_empty(), "there is no key")?;
    for key in &keys {
        let whole = ["kty", "kid"].iter().all(|name| key.get(name).is_some());
        t.check(whole && key.get("use") == Some(&json!("sig")), format!("a key is {key}"))?;
        for private in ["d", "k", "p", "q", "dp", "dq", "qi"] {
            t.check(key.get(private).is_none(), format!("a key has its private member {private}"))?;
        }
    }
    Ok(())
}

async fn two_tokens(t: &mut Tester) -> Outcome {
    let (web, mut browser, first) = granted(t, Setup::new()).await?;
    let second = web.token(&mut browser).await?;
    t.saw(format!("{}, {}", first.text("jti"), second.text("jti")));
    t.check(!first.text("jti").is_empty() && first.text("jti") != second.text("jti"), "jti is not unique")
}

async fn lifetime(t: &mut Tester) -> Outcome {
    let (_, _, token) = granted(t, Setup::new().with("token_lifetime", 90)).await?;
    let (iat, exp) = (token.number("iat")?, token.number("exp")?);
    t.saw(format!("iat {iat}, exp {exp}, expires_in {:?}", token.body.get("expires_in")));
    t.check(exp.checked_sub(iat) == Some(90), format!("it lasts from {iat} to {exp}"))?;
    t.check(token.body.get("expires_in") == Some(&json!(90)), "expires_in is not 90")?;
    let now = crate::script::Token::now();
    t.check(iat.abs_diff(now) <= 30, format!("iat is {iat}, now is {now}"))
}

async fn not_cached(t: &mut Tester) -> Outcome {
    let (_, _, token) = granted(t, Setup::new()).await?;
    let value = |name| token.answer.value(name).unwrap_or_default().to_owned();
    let (cache, kind) = (value("cache-control"), value("content-type"));
    t.saw(format!("Cache-Control: {cache}; {kind}"));
    t.check(cache.contains("no-store"), "it may be kept")?;
    t.check(kind.starts_with("application/json"), format!("it is {kind}"))?;
    let token_type = token.body.get("token_type").and_then(Value::as_str).unwrap_or_default();
    t.check(token_type.eq_ignore_ascii_case("bearer"), format!("token_type is {token_type:?}"))
}

async fn own_identities(t: &mut Tester) -> Outcome {
    let (web, mut browser, own) = granted(t, Setup::new()).await?;
    let domain = own.text("impi").rsplit('@').next().unwrap_or_default().to_owned();
    let other = format!("sip:somebody-else@{domain}");
    let body = json!({"impi": format!("somebody-else@{domain}"), "impu": [other], "username": "somebody-else"});
    let answer = web.post(&mut browser, "/api/token", &body).await?;
    t.saw(format!("{}", answer.status));
    let Some(token) = answer.json().and_then(|body| body.get("token").and_then(Value::as_str).map(str::to_owned))
    else {
        return refused(t, "identities of others", &answer, &[400, 403, 422]);
    };
    let (_, claims) = crate::tester::read_token(&token)?;
    let same = ["impi", "impu"].iter().all(|name| claims.get(name) == own.claims.get(name));
    t.check(same, format!("the token names {:?}, {:?}", claims.get("impi"), claims.get("impu")))
}

async fn opaque_subject(t: &mut Tester) -> Outcome {
    let (web, _, token) = granted(t, Setup::new()).await?;
    let sub = token.text("sub");
    t.saw(sub.to_owned());
    t.check(!sub.is_empty(), "there is no sub")?;
    t.check(sub != web.login()?.0 && !token.impus().contains(&sub), "sub names the person")
}

async fn forms(t: &mut Tester) -> Outcome {
    let web = operator(t).await?;
    let cookie = web.logged_in().await?.cookie.unwrap_or_default();
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        let request = web.request("POST", "/api/token").with("Cookie", &cookie).with("Content-Type", kind);
        let request = request.with("Origin", ELSEWHERE).with("Sec-Fetch-Site", "cross-site");
        let answer = web.send(&request, "{}").await?;
        refused(t, kind, &answer, &[400, 403, 415])?;
    }
    let own = web.request("POST", "/api/token").with("Cookie", &cookie).with("Origin", &web.origin);
    let answer = web.send(&own.with("Content-Type", "text/plain"), "{}").await?;
    refused(t, "plain text of its own page", &answer, &[400, 403, 415])?;
    let answer = web.send(&web.from_page("/api/token").with("Cookie", &cookie).set("Origin", ELSEWHERE), "{}").await?;
    refused(t, "JSON of another origin", &answer, &[403])
}

async fn listed_origin(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("cors_origins", format!("[\"{ELSEWHERE}\"]"));
    let web = t.wwsf(setup).await?;
    for origin in [ELSEWHERE.to_owned(), format!("{ELSEWHERE}.evil.example")] {
        let preflight = web
            .request("OPTIONS", "/api/token")
            .with("Origin", &origin)
            .with("Access-Control-Request-Method", "POST")
            .with("Access-Control-Request-Headers", "content-type");
        let request = web.from_page("/api/token").set("Origin", &origin);
        for (what, request) in [("preflight", preflight), ("request", request)] {
            let answer = web.send(&request, "{}").await?;
            let allowed = answer.value("access-control-allow-origin").map(str::to_owned);
            let vary = answer.lines.iter().any(|(n, v)| n == "vary" && v.to_ascii_lowercase().contains("origin"));
            t.saw(format!("{what} of {origin}: {allowed:?}"));
            let expected = (origin == ELSEWHERE).then(|| ELSEWHERE.to_owned());
            t.check(allowed == expected, format!("{what} of {origin}: {allowed:?} is allowed"))?;
            t.check(vary, format!("{what} of {origin}: Vary lacks Origin"))?;
        }
    }
    Ok(())
}

async fn guessing(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("login.account_burst", 3).with("login.account_interval", 600);
    let web = t.wwsf(setup).await?;
    let mut browser = Browser::default();
    for nth in 1..=3 {
        let answer = web.log_in(&mut browser, Some("a guess")).await?;
        refused(t, &format!("guess {nth}"), &answer, &[401])?;
    }
    for (what, password) in [("guess 4", Some("a guess")), ("the right password", None)] {
        let answer = web.log_in(&mut browser, password).await?;
        refused(t, what, &answer, &[429])?;
        let seconds = answer.value("retry-after").and_then(|value| value.parse::<u64>().ok());
        t.check(seconds.is_some_and(|s| s > 0), format!("Retry-After is {seconds:?}"))?;
    }
    t.check(browser.cookie.is_none(), "a session was opened")
}

/// The one identity of a guest's token, which must lie in the range.
fn guest_impu(t: &mut Tester, web: &Web, token: &Granted) -> Outcome<String> {
    let missing = || Stop::NotApplicable("the range is not known".into());
    let range = web.range.as_deref().ok_or_else(missing)?;
    let range: ims::WildcardedImpu = range.parse().map_err(|_| Stop::Inconclusive(format!("{range} is no range")))?;
    let impus = token.impus();
    t.saw(impus.join(", "));
    let [one] = impus[..] else { return Err(Stop::Fail(format!("{} identities", impus.len()))) };
    let inside = one.parse().is_ok_and(|impu| range.matches(&impu));
    t.check(inside && !one.contains('!'), format!("{one} is not one identity of {}", range.as_str()))?;
    Ok(one.to_owned())
}

async fn guest(t: &mut Tester) -> Outcome {
    let web = partner(t, Setup::new()).await?;
    let token = web.token(&mut Browser::default()).await?;
    guest_impu(t, &web, &token).map(drop)
}

async fn guests(t: &mut Tester) -> Outcome {
    let web = partner(t, Setup::new()).await?;
    let (mut impus, mut impis) = (HashSet::new(), HashSet::new());
    let mut first = Browser::default();
    let own = {
        let token = web.token(&mut first).await?;
        impis.insert(token.text("impi").to_owned());
        guest_impu(t, &web, &token)?
    };
    impus.insert(own.clone());
    for _ in 0..2 {
        let token = web.token(&mut Browser::default()).await?;
        impis.insert(token.text("impi").to_owned());
        impus.insert(guest_impu(t, &web, &token)?);
    }
    t.check(impus.len() == 3 && impis.len() == 3, "two guests have one identity")?;
    let again = web.token(&mut first).await?;
    let again = guest_impu(t, &web, &again)?;
    t.check(again == own, format!("{own} became {again}"))
}

async fn exhausted(t: &mut Tester) -> Outcome {
    let web = partner(t, Setup::new().with("guests.capacity", 1)).await?;
    web.token(&mut Browser::default()).await?;
    let answer = web.ask_token(&mut Browser::default()).await?;
    refused(t, "the second guest", &answer, &[503])?;
    t.check(answer.value("retry-after").is_some(), "Retry-After is missing")
}

async fn malformed(t: &mut Tester) -> Outcome {
    const MARK: &str = "x-mark-5f3a";
    let web = operator(t).await?;
    let login = web.from_page("/api/login");
    let long = format!("{{\"username\": \"{}\"}}", MARK.repeat(2_000));
    let cases = [
        ("no JSON", login.clone(), format!("{{\"username\": {MARK}"), 400),
        ("another JSON", login.clone(), format!("[\"{MARK}\"]"), 400),
        ("a long body", login, long, 413),
        ("another method", web.request("DELETE", "/api/token"), String::new(), 405),
        ("another path", web.request("GET", &format!("/{MARK}%3Cb%3E")), String::new(), 404),
    ];
    for (what, request, body, expected) in cases {
        let answer = web.send(&request, &body).await?;
        refused(t, what, &answer, &[expected])?;
        t.check(!answer.text().contains(MARK), format!("{what}: the request is repeated"))?;
        let allow = answer.status != 405 || answer.value("allow").is_some_and(|allow| allow.contains("POST"));
        t.check(allow, format!("{what}: Allow does not name POST"))?;
    }
    Ok(())
}

async fn secure_edge(t: &mut Tester) -> Outcome {
    let (web, _, token) = granted(t, Setup::new()).await?;
    let url = token.body.get("wss_url").and_then(Value::as_str).unwrap_or_default();
    t.saw(url.to_owned());
    t.check(url.starts_with("wss://"), format!("wss_url is {url:?}"))?;
    let page = web.get("/").await?;
    let policy = page.value("content-security-policy").unwrap_or_default();
    let reached = sources(policy, "connect-src").unwrap_or_default();
    let origin = url.trim_end_matches('/');
    t.check(reached.contains(&origin), format!("the page may reach {reached:?}"))
}

async fn rotation(t: &mut Tester) -> Outcome {
    let (web, mut browser, before) = granted(t, Setup::new()).await?;
    match web.control.rotate_keys().await {
        None => return Err(Stop::NotApplicable("its keys cannot be rotated from here".into())),
        Some(Err(reason)) => return Err(Stop::Inconclusive(reason)),
        Some(Ok(())) => {}
    }
    let after = web.token(&mut browser).await?;
    let kid = |token: &Granted| token.header.get("kid").cloned().unwrap_or_default();
    t.saw(format!("{} became {}", kid(&before), kid(&after)));
    t.check(kid(&before) != kid(&after), "the old key still signs")?;
    let keys = web.keys().await?;
    let published = |kid: &Value| keys.iter().any(|key| key.get("kid") == Some(kid));
    t.check(published(&kid(&before)), "the key of a token that lives is published no more")
}

async fn ed25519(t: &mut Tester) -> Outcome {
    let (_, _, token) = granted(t, Setup::new().with("signing_alg", "EdDSA")).await?;
    t.saw(token.header.to_string());
    t.check(token.header.get("alg") == Some(&json!("EdDSA")), "alg is not EdDSA")
}

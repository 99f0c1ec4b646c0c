//! A response context forwards what RFC 3261 §16.7 has it forward.

use proptest::prelude::*;
use sip::proxy::{self, Fork, ForkAction};
use sip::{Framing, HeaderName, Message, Rejection, Request, Response, StatusCode};

fn request(method: &str) -> Request {
    let text = format!(
        "{method} sip:bob@ims.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKin\r\n\
         From: <sip:alice@ims.example>;tag=a\r\n\
         To: <sip:bob@ims.example>\r\n\
         Call-ID: c1\r\n\
         CSeq: 1 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    match Message::parse(text, Framing::Datagram).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

/// What comes in on a branch: our Via on top.
fn response(method: &str, status: u16) -> Response {
    let mut request = request(method);
    request.headers.push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKours");
    let mut response = request.respond(StatusCode::new(status).unwrap());
    response.ensure_to_tag(|| "b".into());
    response
}

fn fork(method: &str, branches: u32) -> Fork<u32> {
    let mut fork = Fork::new(&request(method), "p");
    (0..branches).for_each(|key| fork.add(key));
    fork
}

/// Actions in short: a status, `x` and a branch to cancel, `next`.
fn short(actions: &[ForkAction<u32>]) -> Vec<String> {
    actions
        .iter()
        .map(|action| match action {
            ForkAction::Forward(response) => {
                assert_eq!(response.headers.elements(&HeaderName::Via).count(), 1, "our Via is off");
                response.status.to_string()
            }
            ForkAction::Cancel(key) => format!("x{key}"),
            ForkAction::Next => "next".into(),
        })
        .collect()
}

fn play(fork: &mut Fork<u32>, method: &str, responses: &[(u32, u16)]) -> Vec<String> {
    responses.iter().flat_map(|(key, status)| short(&fork.on_response(*key, response(method, *status)))).collect()
}

#[test]
fn provisional_responses_and_the_2xx_go_on_at_once() {
    let mut fork = fork("INVITE", 3);
    assert_eq!(play(&mut fork, "INVITE", &[(0, 100), (0, 180), (1, 183), (2, 404)]), ["180", "183"]);
    assert_eq!(play(&mut fork, "INVITE", &[(1, 200)]), ["200", "x0"]);
    assert!(fork.is_answered() && !fork.is_over() && !fork.is_open());
    assert_eq!(play(&mut fork, "INVITE", &[(0, 180), (1, 200), (0, 200)]), ["200", "200"], "each 2xx, no 1xx");
    assert!(fork.is_over());
    let mut refused = self::fork("INVITE", 2);
    assert_eq!(play(&mut refused, "INVITE", &[(0, 200), (1, 487)]), ["200", "x1"]);
    assert!(refused.is_over());
}

#[test]
fn the_best_refusal_goes_on_when_all_have_ended() {
    for (statuses, best) in [
        (&[486, 404][..], "486"),
        (&[404, 302], "302"),
        (&[500, 486], "486"),
        (&[480, 484, 404], "484"),
        (&[408, 430, 486], "486"),
        (&[503, 501], "501"),
        (&[503, 503], "500"),
        (&[486, 407], "407"),
    ] {
        let mut fork = fork("INVITE", statuses.len() as u32);
        let responses: Vec<_> = (0..).zip(statuses.iter().copied()).collect();
        assert_eq!(play(&mut fork, "INVITE", &responses), [best], "{statuses:?}");
        assert!(fork.is_over());
    }
}

#[test]
fn a_6xx_cancels_the_others_and_waits_for_them() {
    let mut fork = fork("INVITE", 3);
    assert_eq!(play(&mut fork, "INVITE", &[(0, 486), (1, 603)]), ["x2"]);
    assert!(!fork.is_open());
    assert_eq!(play(&mut fork, "INVITE", &[(2, 487)]), ["603"]);
    let mut overtaken = self::fork("INVITE", 2);
    assert_eq!(play(&mut overtaken, "INVITE", &[(0, 603), (1, 200)]), ["x1", "200"]);
    assert!(overtaken.is_over());
}

#[test]
fn challenges_of_all_branches_are_put_together() {
    let mut fork = fork("INVITE", 3);
    let challenged = |status, name, value: &str| response("INVITE", status).with_raw(name, value);
    fork.on_response(0, challenged(407, HeaderName::ProxyAuthenticate, "Digest realm=\"one\", nonce=\"1\""));
    fork.on_response(1, response("INVITE", 486));
    let actions =
        fork.on_response(2, challenged(401, HeaderName::WwwAuthenticate, "Digest realm=\"two\", nonce=\"2\""));
    let [ForkAction::Forward(answer)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(answer.status.code(), 407);
    assert_eq!(answer.headers.values(&HeaderName::ProxyAuthenticate).count(), 1);
    assert_eq!(answer.headers.value(&HeaderName::WwwAuthenticate), Some("Digest realm=\"two\", nonce=\"2\""));
}

#[test]
fn a_branch_that_ends_without_an_answer_counts_as_one() {
    let mut timed_out = fork("INVITE", 1);
    let actions = timed_out.timed_out(0);
    assert_eq!(short(&actions), ["408"]);
    let [ForkAction::Forward(answer)] = &actions[..] else { panic!() };
    assert_eq!(answer.to().unwrap().tag(), Some("p"));
    answer.validate().unwrap();
    assert_eq!(timed_out.timed_out(0), [], "it ends once");

    let mut failed = fork("MESSAGE", 2);
    assert_eq!(failed.failed(0, &Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "no route")), []);
    let gone = Rejection::new(StatusCode::SERVER_TIME_OUT, "the next hop is dead");
    assert_eq!(short(&failed.failed(1, &gone)), ["504"]);

    let mut no_via = fork("MESSAGE", 1);
    let mut response = response("MESSAGE", 200);
    response.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKours");
    assert_eq!(short(&no_via.on_response(0, response)), ["502"]);
    assert_eq!(no_via.on_response(9, self::response("MESSAGE", 200)), [], "a branch that is not ours");
}

#[test]
fn a_call_cancelled_by_the_caller_ends_in_487() {
    let mut fork = fork("INVITE", 3);
    assert_eq!(play(&mut fork, "INVITE", &[(0, 486)]), [""; 0]);
    assert_eq!(short(&fork.cancel()), ["x1", "x2"]);
    assert_eq!(fork.cancel(), [], "once");
    assert_eq!(play(&mut fork, "INVITE", &[(1, 487)]), [""; 0]);
    assert_eq!(short(&fork.timed_out(2)), ["487"], "who does not answer a CANCEL has ended all the same");

    let mut none = self::fork("INVITE", 0);
    none.expect_more(true);
    assert_eq!(short(&none.cancel()), ["487"]);
    let mut message = self::fork("MESSAGE", 1);
    assert_eq!(message.cancel(), []);
    assert_eq!(play(&mut message, "MESSAGE", &[(0, 200), (0, 200)]), ["200"]);
    assert_eq!(message.cancel(), []);
}

#[test]
fn a_branch_given_up_counts_as_408() {
    let mut fork = fork("INVITE", 1);
    assert_eq!(fork.give_up(0), Some(ForkAction::Cancel(0)));
    assert_eq!(fork.give_up(0), None);
    assert_eq!(play(&mut fork, "INVITE", &[(0, 487)]), ["408"]);
    let mut answered = self::fork("INVITE", 1);
    answered.give_up(0);
    assert_eq!(play(&mut answered, "INVITE", &[(0, 200)]), ["200"]);
    let restarts = |status| proxy::restarts_timer_c(StatusCode::new(status).unwrap());
    assert!(restarts(180) && restarts(101) && !restarts(100) && !restarts(200));
}

#[test]
fn a_search_in_sequence_goes_on_until_there_is_nobody_left() {
    let mut fork = Fork::new(&request("INVITE"), "p");
    assert_eq!(fork.expect_more(true), []);
    fork.add(0);
    fork.add(1);
    assert_eq!(play(&mut fork, "INVITE", &[(0, 408), (1, 486)]), ["next"]);
    fork.add(2);
    assert_eq!(fork.expect_more(false), []);
    assert_eq!(play(&mut fork, "INVITE", &[(2, 480)]), ["486"]);

    let mut fruitless = self::fork("INVITE", 1);
    fruitless.expect_more(true);
    assert_eq!(play(&mut fruitless, "INVITE", &[(0, 404)]), ["next"]);
    assert_eq!(short(&fruitless.expect_more(false)), ["404"]);
    let mut declined = self::fork("INVITE", 1);
    declined.expect_more(true);
    assert_eq!(play(&mut declined, "INVITE", &[(0, 603)]), ["603"], "a 6xx ends the search");
    let mut nobody = self::fork("INVITE", 0);
    assert_eq!(short(&nobody.expect_more(false)), ["480"]);
}

#[test]
fn there_is_a_limit_to_branches() {
    let mut fork = fork("INVITE", 100);
    let last = Fork::<u32>::MAX_BRANCHES as u32;
    assert!(!fork.is_open());
    assert_eq!(fork.on_response(last, response("INVITE", 180)), []);
    assert_eq!(short(&fork.on_response(last - 1, response("INVITE", 180))), ["180"]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Response(u32, u16),
    TimedOut(u32),
    GiveUp(u32),
    Cancel,
    Add,
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![100, 180, 183, 200, 202, 302, 401, 404, 407, 408, 480, 487, 503, 603]);
    prop_oneof![
        8 => (0_u32..6, status).prop_map(|(key, status)| Step::Response(key, status)),
        1 => (0_u32..6).prop_map(Step::TimedOut),
        1 => (0_u32..6).prop_map(Step::GiveUp),
        1 => Just(Step::Cancel),
        1 => Just(Step::Add),
    ]
}

proptest! {
    /// Whatever the branches do and in whatever order: one final answer, of which only 2xx to an
    /// INVITE may be followed, by 2xx alone; every branch is cancelled once at most.
    #[test]
    fn there_is_always_one_final_answer(invite: bool, sequential: bool, steps in prop::collection::vec(step(), 0..40)) {
        let method = if invite { "INVITE" } else { "MESSAGE" };
        let mut fork = fork(method, 2);
        fork.expect_more(sequential);
        let (mut keys, mut ended) = (2, vec![]);
        let mut actions = Vec::new();
        for step in steps {
            let live = |key: &u32| *key < keys && !ended.contains(key);
            let next = match step {
                Step::Response(key, status) if live(&key) => {
                    if status >= 300 || (status >= 200 && !invite) {
                        ended.push(key);
                    }
                    fork.on_response(key, response(method, status))
                }
                Step::TimedOut(key) if live(&key) => {
                    ended.push(key);
                    fork.timed_out(key)
                }
                Step::GiveUp(key) => fork.give_up(key).into_iter().collect(),
                Step::Cancel => fork.cancel(),
                Step::Add if sequential && fork.is_open() && keys < 6 => {
                    fork.add(keys);
                    keys += 1;
                    Vec::new()
                }
                _ => Vec::new(),
            };
            actions.extend(next);
        }
        for key in (0..keys).filter(|key| !ended.contains(key)) {
            actions.extend(fork.timed_out(key));
        }
        actions.extend(fork.expect_more(false));
        prop_assert!(fork.is_over());
        let told = short(&actions);
        let finals: Vec<&String> = told.iter().filter(|status| ("2".."7").contains(&status.as_str())).collect();
        let after = |status: &str| finals.iter().skip(1).all(|s| s.starts_with('2')) && status.starts_with('2');
        prop_assert!(finals.len() == 1 || (invite && finals.len() > 1 && after(finals[0])), "{:?}", told);
        let mut cancels: Vec<&String> = told.iter().filter(|action| action.starts_with('x')).collect();
        let all = cancels.len();
        cancels.sort();
        cancels.dedup();
        prop_assert!(cancels.len() == all && (invite || all == 0), "{:?}", told);
        let first = told.iter().position(|status| ("2".."7").contains(&status.as_str())).unwrap();
        prop_assert!(told[first..].iter().all(|status| !status.starts_with('1')), "{:?}", told);
    }
}

//! Calls and messages between pages: sound and pictures flow, and what people do with calls works.

use anyhow::{Context, Result, ensure};
use e2e::{Bed, Phone, User};
use epcscf::policy::Flow3Mode;
use ims::token::Reg;
use mock_ims::cx::DeregistrationReason;
use mock_ims::hss::AdminRequest;
use tokio::sync::{Mutex, MutexGuard};

/// Lets a test look at the page's connections and devices.
const TAPS: &str = "
    window.peers = []; window.tracks = [];
    const RealPeer = RTCPeerConnection;
    window.RTCPeerConnection = class extends RealPeer { constructor(c) { super(c); peers.push(this); } };
    const capture = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
    if (capture) navigator.mediaDevices.getUserMedia = async (wishes) => {
        if (window.deny?.(wishes)) throw new DOMException('denied by the test', window.deny(wishes));
        const stream = await capture(wishes);
        tracks.push(...stream.getTracks());
        return stream;
    };";

/// Cuts the page's connection, and keeps it from being made again.
const SOCKETS: &str = "
    window.sockets = [];
    const RealSocket = WebSocket;
    window.WebSocket = class extends RealSocket {
        constructor(url, protocols) { super(window.cut ? 'wss://localhost:1/' : url, protocols); sockets.push(this); }
    };";

/// Puts the page's monotonic clock forward.
const CLOCK: &str =
    "const now = performance.now.bind(performance); performance.now = () => now() + (window.ahead ?? 0);";

/// One browser with many pages at a time: media is work.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// The user names of ICE, ours and theirs.
async fn ice(phone: &Phone) -> Result<String> {
    let of = |which| format!("peers.at(-1).{which}Description.sdp.match(/a=ice-ufrag:(.*)/)[1]");
    phone.tab.evaluate(&format!("{} + ' ' + {}", of("local"), of("remote"))).await
}

fn by(who: &str, status: &str) -> (String, String) {
    (who.to_owned(), status.to_owned())
}

/// `ORG-01`, `TRM-01`, `TRM-07`: each kind calls each other one, in both directions.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_user_calls_and_writes_to_every_other() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register_with(&bed, User::Digest("alice"), TAPS).await?;
    let bob = Phone::register(&bed, User::WebAuth("bob")).await?;
    let guest = Phone::register(&bed, User::Guest).await?;
    for (caller, callee) in
        [(&alice, &bob), (&bob, &alice), (&alice, &guest), (&guest, &alice), (&bob, &guest), (&guest, &bob)]
    {
        caller.talk(callee, true).await?;
        caller.hears(true).await?;
        callee.hears(true).await?;
        caller.press("hang-up").await?;
        ensure!(callee.ended().await?.0 == "peer" && caller.ended().await?.0 == "local");

        let text = format!("from {} to {}", caller.address, callee.address);
        caller.write(&callee.address, &text).await?;
        callee.reads(&caller.address, &text).await?;
        caller.delivery(&text, "delivered").await?;
    }

    // An offer is whole when it is sent, and fit for a gateway (TS 23.228 U.1.1, U.1.3.3).
    let offer: String = alice
        .tab
        .evaluate(
            "[...document.querySelectorAll('#messages pre')].find(p => p.textContent.startsWith('INVITE')).textContent",
        )
        .await?;
    ensure!(offer.contains("a=candidate:") && offer.contains("a=rtcp-mux"), "{offer}");
    ensure!(!offer.contains("trickle"), "{offer}");
    let settings = "peers.every(p => p.getConfiguration().bundlePolicy === 'max-compat' && p.getConfiguration().rtcpMuxPolicy === 'require')";
    ensure!(alice.tab.evaluate::<bool>(settings).await?);
    // Nothing is left open of six calls.
    let released = "peers.length === 4 && tracks.length === 8 && peers.every(p => p.signalingState === 'closed')
        && tracks.every(t => t.readyState === 'ended')";
    ensure!(alice.tab.evaluate::<bool>(released).await?);
    Ok(())
}

/// `WLD-13`: each guest is registered in the core.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_user_calls_and_is_called() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|config| {
        config.epcscf.policy.flow3.mode = Flow3Mode::PoolTna;
        config.partner_wwsf.guests.reg = Reg::Tna;
    })
    .await?;
    let guest = Phone::register(&bed, User::Guest).await?;
    let other = Phone::register(&bed, User::Guest).await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    for (caller, callee) in [(&guest, &alice), (&alice, &guest), (&guest, &other)] {
        caller.talk(callee, false).await?;
        caller.hears(false).await?;
        callee.hears(false).await?;
        callee.press("hang-up").await?;
        ensure!(caller.ended().await?.0 == "peer");
        caller.write(&callee.address, "hello").await?;
        callee.reads(&caller.address, "hello").await?;
        caller.delivery("hello", "delivered").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_mute_hold_and_change_a_call_and_either_ends_it() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register_with(&bed, User::Digest("alice"), TAPS).await?;
    let guest = Phone::register(&bed, User::Guest).await?;

    // A name alone is enough; a video call may be answered with sound alone.
    guest.call("alice", true).await?;
    ensure!(alice.rings().await? == guest.address);
    alice.take("answer-audio").await?;
    for phone in [&alice, &guest] {
        phone.until("dataset.state === 'established' && call.dataset.media === 'connected'").await?;
    }
    alice.hears(true).await?;
    guest.hears(false).await?;
    guest.until("dataset.remoteVideo === 'false'").await?;

    // The camera comes later, and goes again: each time the other side is told.
    alice.press("camera").await?;
    guest.until("dataset.remoteVideo === 'true'").await?;
    guest.hears(true).await?;
    alice.settled().await?;
    alice.press("camera").await?;
    guest.until("dataset.remoteVideo === 'false'").await?;
    alice.settled().await?;

    // Nothing is signalled of a mute: packets go on, with silence.
    guest.press("mute").await?;
    guest.until("dataset.muted === 'true'").await?;
    alice.hears(false).await?;
    guest.press("mute").await?;

    alice.press("hold").await?;
    alice.until("dataset.hold === 'local'").await?;
    guest.until("dataset.hold === 'remote'").await?;
    alice.settled().await?;
    // Both may.
    guest.press("hold").await?;
    alice.until("dataset.hold === 'both'").await?;
    guest.settled().await?;
    alice.press("hold").await?;
    alice.until("dataset.hold === 'remote'").await?;
    alice.settled().await?;
    guest.press("hold").await?;
    for phone in [&alice, &guest] {
        phone.until("dataset.hold === 'none' && call.dataset.negotiation === 'idle'").await?;
    }
    // At the same time, too (RFC 3261 §14.1).
    for hold in ["both", "none"] {
        tokio::try_join!(alice.press("hold"), guest.press("hold"))?;
        for phone in [&alice, &guest] {
            phone.until(&format!("dataset.hold === {hold:?} && call.dataset.negotiation === 'idle'")).await?;
        }
    }
    alice.hears(true).await?;
    guest.hears(false).await?;

    guest.press("keypad").await?;
    for tone in ["1", "2", "#"] {
        guest.tab.click(&format!("#calls [data-tone={tone:?}]")).await?;
    }
    guest.until("dataset.tones === '12#'").await?;

    // The network changes under one of them: new candidates (RFC 8445 §9), the same call.
    let before = ice(&alice).await?;
    alice.tab.evaluate::<bool>("dispatchEvent(new Event('online'))").await?;
    alice.until("dataset.state === 'established' && call.dataset.restarts > '0'").await?;
    for phone in [&alice, &guest] {
        phone.until("dataset.media === 'connected' && call.dataset.negotiation === 'idle'").await?;
        phone.hears(false).await?;
    }
    ensure!(ice(&alice).await? != before);

    // Whoever was called may end it.
    alice.press("hang-up").await?;
    ensure!(guest.ended().await?.0 == "peer");
    ensure!(alice.ended().await?.0 == "local");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_nobody_takes_end_with_their_status() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    let bob = Phone::register_with(&bed, User::WebAuth("bob"), CLOCK).await?;

    for (button, status) in [("decline", "603"), ("busy", "486")] {
        alice.call("bob", true).await?;
        bob.take(button).await?;
        ensure!(alice.ended().await? == by("peer", status), "{button}: {:?}", alice.ended().await?);
        ensure!(bob.ended().await?.0 == "local");
    }

    // CANCEL.
    alice.call("bob", false).await?;
    bob.rings().await?;
    alice.until("dataset.state === 'ringing'").await?;
    alice.press("hang-up").await?;
    ensure!(alice.ended().await?.0 == "local");
    ensure!(bob.ended().await?.0 == "peer");
    bob.tab.until("!document.querySelector('#incoming').open").await?;

    // No answer.
    alice.call("bob", false).await?;
    bob.rings().await?;
    bob.tab.evaluate::<f64>("window.ahead = 121_000").await?;
    ensure!(alice.ended().await?.1 == "480", "{:?}", alice.ended().await?);

    // Nobody there, and nobody of that name.
    alice.call("carol", true).await?;
    ensure!(alice.ended().await?.1 == "480", "{:?}", alice.ended().await?);
    alice.call("nobody", true).await?;
    ensure!(alice.ended().await?.1 == "404", "{:?}", alice.ended().await?);
    alice.write("nobody", "hello?").await?;
    ensure!(alice.delivery("hello?", "failed").await? == "404");
    alice.write("carol", "are you there?").await?;
    ensure!(alice.delivery("are you there?", "failed").await? == "480");

    // A second call is offered; a third is told that the line is busy.
    let guest = Phone::register(&bed, User::Guest).await?;
    alice.talk(&bob, false).await?;
    guest.call("bob", false).await?;
    ensure!(bob.rings().await? == guest.address);
    let carol = Phone::register(&bed, User::WebAuth("carol")).await?;
    carol.call("bob", false).await?;
    ensure!(carol.ended().await? == by("peer", "486"), "{:?}", carol.ended().await?);
    // Taking it puts the first on hold.
    bob.take("answer-audio").await?;
    alice.until("dataset.hold === 'remote'").await?;
    guest.until("dataset.media === 'connected'").await?;
    guest.hears(false).await?;

    // Whose page is closed is told of at once, in a call and before one.
    bob.tab.close().await?;
    ensure!(guest.ended().await?.0 == "peer");
    ensure!(alice.ended().await?.0 == "peer");
    alice.call("bob", false).await?;
    ensure!(alice.ended().await?.1 == "480");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_survives_a_connection_that_comes_back_in_time_and_no_other() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register_with(&bed, User::Digest("alice"), &[TAPS, SOCKETS].concat()).await?;
    let guest = Phone::register(&bed, User::Guest).await?;
    alice.talk(&guest, true).await?;

    let before = ice(&alice).await?;
    alice.tab.evaluate::<bool>("(sockets.at(-1).close(3999), true)").await?;
    alice.until("dataset.state === 'suspended'").await?;
    // Media does not pass there.
    guest.hears(true).await?;
    alice.until("dataset.state === 'established' && call.dataset.restarts === '1'").await?;
    for phone in [&alice, &guest] {
        phone.until("dataset.negotiation === 'idle' && call.dataset.media === 'connected'").await?;
        phone.hears(true).await?;
    }
    ensure!(ice(&alice).await? != before);
    guest.press("hold").await?;
    alice.until("dataset.hold === 'remote'").await?;

    alice.tab.evaluate::<bool>("(window.cut = true, sockets.at(-1).close(3999), true)").await?;
    ensure!(guest.ended().await?.0 != "local");
    ensure!(alice.ended().await?.0 == "network");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_the_network_ends_takes_its_calls_along_and_says_why() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    let bob = Phone::register(&bed, User::WebAuth("bob")).await?;
    let core = bed.testbed.ims().context("the core runs here")?;
    for (reason, state) in
        [(DeregistrationReason::ServerChange, "registered"), (DeregistrationReason::PermanentTermination, "failed")]
    {
        alice.talk(&bob, false).await?;
        let impu = "sip:bob@ims.example".parse()?;
        core.hss(move |hss| hss.admin(AdminRequest::Deregister { impu, reason })).await.context("the HSS runs")??;
        alice.ended().await?;
        bob.tab.until("!document.querySelector('#calls > li')").await?;
        ensure!(bob.tab.failure().await?.0 == "deregistered");
        bob.tab.until_state(state).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_microphone_there_is_no_call_and_keys_alone_are_enough_for_one() -> Result<()> {
    let _turn = turn().await;
    let bed = Bed::with_browser(|_| {}).await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    let bob = Phone::register_with(&bed, User::WebAuth("bob"), TAPS).await?;

    bob.tab.evaluate::<bool>("(window.deny = () => 'NotAllowedError', true)").await?;
    bob.call("alice", true).await?;
    ensure!(bob.ended().await? == by("local", ""));
    ensure!(bob.tab.text("#recent li").await?.contains("does not let the page use the microphone"));
    ensure!(bob.tab.messages("INVITE").await? == 0, "nobody was called");

    // It goes on ringing: the person may yet allow it, or find out that there is none.
    alice.call("bob", true).await?;
    bob.take("answer-video").await?;
    bob.tab.until("!document.querySelector('#incoming-error').hidden").await?;
    alice.until("dataset.state === 'ringing'").await?;
    bob.tab.evaluate::<bool>("(window.deny = () => 'NotFoundError', true)").await?;
    bob.take("answer-video").await?;
    ensure!(alice.ended().await? == by("peer", "480"), "{:?}", alice.ended().await?);

    // Without a camera one is heard.
    bob.tab.evaluate::<bool>("(window.deny = wishes => wishes.video && 'NotFoundError', true)").await?;
    alice.talk(&bob, true).await?;
    bob.until("dataset.camera === 'false' && !call.querySelector('.call-note').hidden").await?;
    bob.hears(true).await?;
    alice.hears(false).await?;
    bob.press("hang-up").await?;
    alice.ended().await?;
    bob.tab.evaluate::<bool>("(window.deny = undefined, true)").await?;

    // No key answers by mistake, and Escape only silences.
    bob.tab.fill("#dial", "a").await?;
    alice.tab.fill("#dial", "bob").await?;
    alice.tab.press("Enter").await?;
    bob.rings().await?;
    ensure!(bob.tab.evaluate::<String>("document.activeElement.id").await? == "incoming-title");
    bob.tab.press("Enter").await?;
    bob.tab.press("Escape").await?;
    bob.tab.until("!document.querySelector('#incoming').open").await?;
    ensure!(bob.tab.evaluate::<String>("document.activeElement.id").await? == "dial");
    bob.until("dataset.state === 'incoming'").await?;
    bob.tab.evaluate::<bool>("(document.querySelector('#calls [data-do=answer-audio]').focus(), true)").await?;
    bob.tab.press("Enter").await?;
    alice.until("dataset.state === 'established'").await?;
    bob.tab.until("document.activeElement.closest('#calls > li')").await?;
    alice.tab.evaluate::<bool>("(document.querySelector('#calls [data-do=hang-up]').focus(), true)").await?;
    alice.tab.press("Enter").await?;
    alice.ended().await?;
    ensure!(alice.tab.evaluate::<String>("document.activeElement.id").await? == "dial");
    Ok(())
}
